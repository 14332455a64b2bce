"""Ask the servers who is the primary, instead of going by the ordinal.

``python redis_roles.py redis.shop ca.pem``
"""

from __future__ import annotations

import sys
from typing import Any

from headless_discovery import HeadlessService, Roles
from headless_discovery.integrations.redis import client, role_probe


def main(service: str, ca_file: str) -> None:
    """Print who has which role, and write something."""
    tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca_file}
    with HeadlessService(service, port="redis-tls") as redis:
        roles = Roles(redis, probe=role_probe(**tls))
        print("primary", roles.primary().name)
        print("replicas", *(pod.name for pod in roles.replicas()))
        with client(roles, **tls) as primary:
            print("written", primary.set("colour", "green"))


if __name__ == "__main__":
    main(*sys.argv[1:])
