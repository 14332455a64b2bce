"""A pool for the primary of a PostgreSQL, another for its standbys, by TLS.

``PASSWORD=... python psycopg_pool_client.py postgres.shop ca.pem``
"""

from __future__ import annotations

import os
import sys

from psycopg_pool import ConnectionPool

from headless_discovery import HeadlessService, Roles
from headless_discovery.integrations.psycopg import probe
from headless_discovery.integrations.psycopg_pool import conninfo


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
        to_primary = conninfo(roles, **login)
        to_standbys = conninfo(roles, role="replica", **login)
        with (
            # A connection lives for five minutes: then it is made anew, to who is primary then.
            ConnectionPool(to_primary, min_size=1, max_lifetime=300, open=True) as writers,
            ConnectionPool(to_standbys, min_size=1, max_lifetime=300, open=True) as readers,
        ):
            with writers.connection() as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS pooled (number INT)")
                print("wrote to", connection.info.host)
            with readers.connection() as connection:
                print("read from", connection.info.host)


if __name__ == "__main__":
    main(*sys.argv[1:])
