"""httpx: transports that send each request to one of the pods behind a Service.

In: a service object and requests. Out: the same requests, dialled at a pod's address. The
``Host`` header stays the URL's, and TLS verifies the pod's own FQDN (httpx's extension
``sni_hostname``). A pod is skipped only where no connection to it could be made: a request
that may have reached a server is never sent twice.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigError, DiscoveryError
from ..tls import check_context, server_name

try:
    import httpx
except ImportError as error:
    raise ImportError("httpx is missing: pip install 'headless-discovery[httpx]'") from error

from ._sending import NO_CONNECTION, Sending

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from ..aio.service import AsyncHeadlessService
    from ..core.snapshot import Endpoint
    from ..sync.service import HeadlessService

__all__ = ["AsyncTransport", "Transport"]

# A pool that is full would make a good pod look as if it did not answer.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100)


class _Base:
    """What both transports share; arguments as of `Transport`."""

    _make: type[Any]

    def __init__(
        self,
        service: Any,
        *,
        tls: ssl.SSLContext | None = None,
        tls_name: Literal["pod", "service"] = "pod",
        transport: Any = None,
        **whom: Any,
    ) -> None:
        if tls is not None and transport is not None:
            raise ConfigError("tls", "the transport has a context already: give it this one")
        if tls_name not in ("pod", "service"):
            raise ConfigError("tls_name", f"{ascii(tls_name)[:100]} is not 'pod' or 'service'")
        if tls is not None:
            check_context(tls)
        self._service = service
        self._tls_name = tls_name
        self._inner = transport or self._make(verify=tls or True, limits=_LIMITS)
        self._keywords = dict(whom, pass_timeout=True)

    def _addressed(
        self, request: httpx.Request, pod: Endpoint, seconds: float
    ) -> Iterator[httpx.Request]:
        """The request for each address of a pod; they share the time there is to connect."""
        extensions = dict(request.extensions)
        if request.url.scheme == "https":
            service = self._service.name.fqdn if self._tls_name == "service" else None
            extensions["sni_hostname"] = server_name(pod, service)
        timeouts = extensions.get("timeout") or {}
        share = seconds / len(pod.addresses)
        connect = min(share, timeouts.get("connect") or share)
        for address in pod.addresses:
            yield httpx.Request(
                request.method,
                request.url.copy_with(host=address, port=request.url.port or pod.port),
                headers=request.headers,
                stream=request.stream,
                extensions={**extensions, "timeout": {**timeouts, "connect": connect}},
            )


class Transport(_Base, httpx.BaseTransport):
    """Sends each request to the next pod behind a Service; for ``httpx.Client``.

    Args:
        service: A `HeadlessService`. Open it: else each request makes a look of its own.
        tls: The context that verifies the pods, default httpx's own.
        tls_name: ``"pod"`` (default): a certificate must hold the pod's FQDN;
            ``"service"``: the Service's.
        transport: What sends, closed with this one; default: httpx's, with any number of
            connections. It has a context of its own, so not with ``tls``.
        **whom: ``to``, ``order``, ``exclude_self``, ``attempt_timeout``, ``timeout`` of
            ``service.connect``. The request's own time to connect holds where it is shorter.

    Raises:
        ConfigError: A context that does not verify, or two of them.
    """

    _make = httpx.HTTPTransport
    _service: HeadlessService

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            httpx.ConnectError: No pod was connected to; its cause says why.
            ConfigError: TLS to an endpoint without a name.
        """

        def dial(pod: Endpoint, seconds: float) -> httpx.Response | Exception:
            failed: Exception = httpx.ConnectError("no address")
            for addressed in self._addressed(request, pod, seconds):
                try:
                    response: httpx.Response = self._inner.handle_request(addressed)
                except NO_CONNECTION as error:
                    failed = error
                except Exception as error:  # noqa: BLE001 - it may have reached a server
                    return error
                else:
                    return response
            raise failed

        with _told_by_httpx(request):
            answer = self._service.connect(dial, **self._keywords)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class AsyncTransport(_Base, httpx.AsyncBaseTransport):
    """The same for ``httpx.AsyncClient``; see `Transport`. The service is asyncio's."""

    _make = httpx.AsyncHTTPTransport
    _service: AsyncHeadlessService

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            httpx.ConnectError: No pod was connected to; its cause says why.
            ConfigError: TLS to an endpoint without a name.
        """
        begun: list[Sending] = []

        async def dial(pod: Endpoint, seconds: float) -> Sending:
            failed: BaseException = httpx.ConnectError("no address")
            for addressed in self._addressed(request, pod, seconds):
                begun.append(Sending(self._inner, addressed))
                failure = await begun[-1].connected()
                if failure is None:
                    return begun[-1]
                failed = failure
            raise failed

        try:
            with _told_by_httpx(request):
                chosen = await self._service.connect(dial, **self._keywords)
            return await chosen.response()
        finally:
            for each in begun:
                await each.end()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


@contextlib.contextmanager
def _told_by_httpx(request: httpx.Request) -> Iterator[None]:
    """Tell that nobody was connected to as httpx does, so that its users need to know no other."""
    try:
        yield
    except ConfigError:
        raise
    except DiscoveryError as error:
        raise httpx.ConnectError(str(error), request=request) from error
