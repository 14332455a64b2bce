"""aiohttp: a resolver that knows the pods behind a Service.

In: a service object and the hosts of URLs. Out: addresses, another pod first each time.
aiohttp dials them one after another and skips those it cannot connect to. TLS verifies the
URL's host, so it is the name of a pod, or one of the Service that every pod's certificate
holds beside its own.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from ..errors import DiscoveryError
from ._whom import Fitting, in_turn

try:
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult
except ImportError as error:
    raise ImportError("aiohttp is missing: pip install 'headless-discovery[aiohttp]'") from error

if TYPE_CHECKING:
    from ..aio.service import AsyncHeadlessService
    from ..core.snapshot import Endpoint

__all__ = ["Resolver"]

_FAMILY = {False: socket.AF_INET, True: socket.AF_INET6}


class Resolver(AbstractResolver):
    """Resolves the names of a Service and of its pods; give it to a ``TCPConnector``.

    The Service's name with its namespace (``web.shop``, or the FQDN) leads to all of its
    pods, the next one first; a pod's name before it to that pod alone; any other host is
    resolved by somebody else. Give ``use_dns_cache=False`` to the connector: nothing is asked
    here, and its cache would keep for ten seconds who was there before.

    Args:
        service: The service object, open as long as this is used.
        others: Resolves other hosts, and is closed with this one; default: aiohttp's own.
        order: As in ``service.connect``.
        exclude_self: As in ``service.connect``.
    """

    def __init__(
        self,
        service: AsyncHeadlessService,
        *,
        others: AbstractResolver | None = None,
        order: Any = None,
        exclude_self: bool | None = None,
    ) -> None:
        self._service = service
        self._others = others
        self._keywords = {"order": order, "exclude_self": exclude_self}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host, in the order in which to dial them.

        Raises:
            OSError: Nobody is known; its cause says why. aiohttp expects no other.
        """
        pod = self._pod(host)
        if pod is None:
            if self._others is None:
                self._others = aiohttp.DefaultResolver()
            return await self._others.resolve(host, port, family)
        try:
            pods = [await self._service.endpoint(to=pod)] if pod else await self._in_turn()
        except DiscoveryError as error:
            raise OSError(None, str(error)) from error
        found = [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=_FAMILY[":" in address],
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for pod in pods
            for address in pod.addresses
            if family in (socket.AF_UNSPEC, _FAMILY[":" in address])
        ]
        if not found:
            raise OSError(None, f"{host}: no pod has an address of the family that was asked for")
        return found

    def _pod(self, host: str) -> str | None:
        """The pod that a host names; empty: the Service itself; None: neither."""
        name = self._service.name
        short = f"{name.service}.{name.namespace}"
        for form in (name.fqdn, f"{short}.svc", short):
            before, found, after = f".{host.lower().removesuffix('.')}".partition(f".{form}")
            if found and not after:
                return before.removeprefix(".")
        return None

    async def _in_turn(self) -> list[Endpoint]:
        """All pods that fit, the next one first; those that dialling has failed for, last."""
        fitting = Fitting()
        first = await self._service.endpoint(to=fitting, **self._keywords)
        out = {each.endpoint for each in self._service.status().ejected}
        return sorted(in_turn(first, fitting.pods), key=lambda pod: pod in out)

    async def close(self) -> None:
        """Close the resolver of other hosts."""
        if self._others is not None:
            await self._others.close()
