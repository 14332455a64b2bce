"""Write to the primary of a PostgreSQL and read from its standbys, by TLS.

``PASSWORD=... python psycopg_client.py postgres.shop ca.pem``
"""

from __future__ import annotations

import os
import sys

from headless_discovery import HeadlessService, Roles
from headless_discovery.integrations.psycopg import connect, probe


def main(service: str, ca_file: str) -> None:
    """Print who was written to, and who was read from."""
    login = {
        "user": "app",
        "password": os.environ["PASSWORD"],
        "dbname": "shop",
        "sslmode": "verify-full",
        "sslrootcert": ca_file,
    }
    with HeadlessService(service) as postgres:
        roles = Roles(postgres, probe=probe(**login))
        with connect(roles, **login) as primary:
            primary.execute("CREATE TABLE IF NOT EXISTS seen (pod TEXT)")
            primary.execute("INSERT INTO seen VALUES (%s)", (primary.info.host,))
            print("wrote to", primary.info.host)
        with connect(roles, role="replica", **login) as replica:
            print("read from", replica.info.host)


if __name__ == "__main__":
    main(*sys.argv[1:])
