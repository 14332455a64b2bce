"""asyncpg and its pool over real PostgreSQL servers with TLS: rotation, a dead pod, roles."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import asyncpg  # type: ignore[import-untyped]  # it has no py.typed
import pytest

from headless_discovery import AsyncHeadlessService, AsyncRoles, ConnectFailed, Endpoint
from headless_discovery.integrations.asyncpg import connect, connector, probe
from tests.databases.certificates import Authority as Another
from tests.databases.sql import afollowed, for_asyncpg, query, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet

WHO = "SELECT host(inet_server_addr())"


@pytest.fixture
def login(authority: Authority) -> dict[str, Any]:
    """Return what clients log in with."""
    return for_asyncpg(authority)


async def ask(kubelet: Kubelet, source: Any, **keywords: Any) -> str:
    """Connect, and tell which pod answers."""
    connection = await connect(source, **keywords)
    try:
        return pod_at(kubelet, await connection.fetchval(WHO))
    finally:
        await connection.close()


def pod_at(kubelet: Kubelet, address: str) -> str:
    """Which pod has the address."""
    return next(pod.name for pod in kubelet.pods.values() if pod.address == address)


def test_connections_take_turns(
    namespace: Namespace, postgres: Kubelet, login: dict[str, Any]
) -> None:
    """Each pod has its exact share, of connections and of a pool's."""

    async def main() -> None:
        async with afollowed(namespace, "postgres") as service:
            await service.wait_for(count=2, timeout=20)
            shares = Counter([await ask(postgres, service, **login) for _ in range(6)])
            assert shares == {"postgres-0": 3, "postgres-1": 3}
            assert await ask(postgres, service, to=1, **login) == "postgres-1"
            pool = asyncpg.create_pool(connect=connector(service), min_size=4, **login)
            async with pool:
                held = [await pool.acquire() for _ in range(4)]
                shares = Counter([pod_at(postgres, await each.fetchval(WHO)) for each in held])
                for each in held:
                    await pool.release(each)
            assert shares == {"postgres-0": 2, "postgres-1": 2}

    run(main)


def test_the_pods_certificate_is_verified(
    namespace: Namespace, postgres: Kubelet, login: dict[str, Any], tmp_path: Path
) -> None:
    """A stranger's authority is not trusted, and the reason is in every attempt."""
    stranger = Another(tmp_path / "stranger").client_context()

    async def main() -> None:
        async with afollowed(namespace, "postgres") as service:
            await service.wait_for(count=len(postgres.pods), timeout=20)
            with pytest.raises(ConnectFailed) as failed:
                await connect(service, **{**login, "ssl": stranger})
            kinds = {type(each.error) for each in failed.value.attempts}
            assert kinds == {ssl.SSLCertVerificationError}

    run(main)


def test_name_and_address(postgres: Kubelet, login: dict[str, Any]) -> None:
    """With TLS the pod's name is dialled, since asyncpg verifies that; without, its address."""
    address = postgres.pods["postgres-0"].address
    nowhere = Endpoint(hostname="nowhere.invalid", addresses=(address,), ports=(5432,))
    ask_it = probe(**login)
    with pytest.raises(socket.gaierror):
        run(lambda: ask_it(nowhere, 2.0))
    ask_in_the_clear = probe(**{**login, "ssl": False})
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        run(lambda: ask_in_the_clear(nowhere, 2.0))


def test_a_pod_dies_and_one_comes(
    namespace: Namespace, postgres: Kubelet, login: dict[str, Any]
) -> None:
    """A killed standby costs no connection, a silent one an attempt's time; new ones serve."""

    async def until_all_serve(service: AsyncHeadlessService) -> None:
        end = time.monotonic() + 20
        while {await ask(postgres, service, **login) for _ in range(3)} != set(postgres.pods):
            assert time.monotonic() < end, service.status()

    async def main() -> None:
        async with afollowed(namespace, "postgres") as service:
            await service.wait_for(count=2, timeout=20)
            silent: Any = postgres.servers["postgres-1"]
            silent.pause()
            try:
                begun = time.monotonic()
                found = [
                    await ask(postgres, service, attempt_timeout=0.3, **login) for _ in range(2)
                ]
                assert found == ["postgres-0"] * 2
                assert time.monotonic() - begun < 2
            finally:
                silent.resume()
            postgres.hold("postgres-1")
            silent.kill()
            for _ in range(6):
                assert await ask(postgres, service, **login) == "postgres-0"
            postgres.release("postgres-1")
            namespace.scale("postgres", 3)
            await asyncio.to_thread(postgres.wait_ready, 3)
            await service.wait_for(count=3, timeout=20)
            await until_all_serve(service)

    run(main)


def test_roles(namespace: Namespace, postgres: Kubelet, login: dict[str, Any]) -> None:
    """Who is in recovery is a replica; after a promotion connections and pools follow."""

    async def main() -> None:
        async with afollowed(namespace, "postgres") as service:
            await service.wait_for(count=2, timeout=20)
            roles = AsyncRoles(service, probe=probe(**login))
            assert (await roles.primary()).name == "postgres-0"
            assert [each.name for each in await roles.replicas()] == ["postgres-1"]
            assert await ask(postgres, roles, **login) == "postgres-0"
            reader = await connect(roles, role="replica", **login)
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await reader.execute("CREATE TABLE refused ()")
            await reader.close()
            postgres.hold("postgres-0")
            postgres.servers["postgres-0"].kill()
            query(postgres, "postgres-1", "SELECT pg_promote()")
            roles.forget()
            assert (await roles.primary()).name == "postgres-1"
            pool = asyncpg.create_pool(connect=connector(roles), min_size=1, **login)
            async with pool:
                assert pod_at(postgres, await pool.fetchval(WHO)) == "postgres-1"

    run(main)
