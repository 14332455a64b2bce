"""Send requests to the pods behind a headless Service, one after another, by HTTPS.

``python httpx_client.py web.shop ca.pem``
"""

from __future__ import annotations

import ssl
import sys

import httpx

from headless_discovery import HeadlessService
from headless_discovery.integrations.httpx import Transport


def main(service: str, ca_file: str) -> None:
    """Print who answered."""
    context = ssl.create_default_context(cafile=ca_file)
    with HeadlessService(service, port="https") as web:
        url = f"https://{web.name.fqdn}"
        # Only this host goes to the pods; the client reaches all others as ever.
        with httpx.Client(mounts={url: Transport(web, tls=context)}) as client:
            for _ in range(6):
                answer = client.get(f"{url}/hello")
                print(answer.json()["pod"], answer.status_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
