"""An engine for the primary of a MySQL or MariaDB, another for its replicas, by TLS.

``PASSWORD=... python sqlalchemy_client.py mysql.shop ca.pem``
"""

from __future__ import annotations

import os
import ssl
import sys

from sqlalchemy import create_engine, text

from headless_discovery import HeadlessService, Roles
from headless_discovery.integrations.pymysql import probe
from headless_discovery.integrations.sqlalchemy import listen


def main(service: str, ca_file: str) -> None:
    """Print the server ids of who was written to, and of who was read from."""
    login = {
        "password": os.environ["PASSWORD"],
        "ssl": ssl.create_default_context(cafile=ca_file),
    }
    url = "mysql+pymysql://app@/shop"  # no host: the Service knows
    writer = create_engine(url, connect_args=login)
    reader = create_engine(url, connect_args=login, pool_pre_ping=True, pool_recycle=300)
    with HeadlessService(service) as mysql:
        roles = Roles(mysql, probe=probe(user="app", **login))
        listen(writer, roles)
        listen(reader, roles, role="replica")
        with writer.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS orders (pod INT)"))
            connection.execute(text("INSERT INTO orders VALUES (@@server_id)"))
            print("wrote to", connection.execute(text("SELECT @@server_id")).scalar_one())
        with reader.connect() as one, reader.connect() as other:
            for connection in (one, other):
                print("read from", connection.execute(text("SELECT @@server_id")).scalar_one())
    writer.dispose()
    reader.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
