"""Write to the primary of a MySQL or MariaDB and read from its replicas, by TLS.

``PASSWORD=... python pymysql_client.py mysql.shop ca.pem``
"""

from __future__ import annotations

import os
import ssl
import sys

from headless_discovery import HeadlessService, Roles
from headless_discovery.integrations.pymysql import connect, probe


def main(service: str, ca_file: str) -> None:
    """Print who was written to, and who was read from."""
    login = {
        "user": "app",
        "password": os.environ["PASSWORD"],
        "database": "shop",
        "ssl": ssl.create_default_context(cafile=ca_file),
    }
    with HeadlessService(service) as mysql:
        roles = Roles(mysql, probe=probe(**login))
        with connect(roles, **login) as primary, primary.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS seen (pod VARCHAR(255))")
            cursor.execute("INSERT INTO seen VALUES (%s)", (primary.host,))
            primary.commit()
            print("wrote to", primary.host)
        for _ in range(4):
            with connect(roles, role="replica", **login) as replica:
                print("read from", replica.host)


if __name__ == "__main__":
    main(*sys.argv[1:])
