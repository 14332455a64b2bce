"""Have the pool of redis-py's own Sentinel module ask us for the replicas.

``python redis_pool.py redis.shop ca.pem``
"""

from __future__ import annotations

import sys

from redis import Redis
from redis.sentinel import SentinelConnectionPool

from headless_discovery import HeadlessService
from headless_discovery.integrations.redis import Manager


def main(service: str, ca_file: str) -> None:
    """Print who answers."""
    with HeadlessService(service, port="redis-tls") as redis:
        pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            service,
            Manager(redis),
            is_master=False,
            ssl=True,
            ssl_ca_certs=ca_file,
            ssl_check_hostname=True,  # Manager leaves this to you
        )
        with Redis.from_pool(pool) as replica:
            print(replica.client_info()["laddr"])


if __name__ == "__main__":
    main(*sys.argv[1:])
