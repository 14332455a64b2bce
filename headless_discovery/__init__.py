"""Find every pod behind a Kubernetes headless Service, with DNS alone.

>>> import headless_discovery as hd
>>> for pod in hd.discover("my-database.shop"):  # doctest: +SKIP
...     print(pod.ordinal, pod.address, pod.hostname)

The public names load on first use: ``from headless_discovery import HeadlessService``
brings in neither dnspython nor tenacity nor asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .aio.oneliners import adiscover, awatch
    from .aio.roles import AsyncRoles
    from .aio.service import AsyncHeadlessService
    from .core.changes import Change
    from .core.connectpolicy import ConnectPolicy
    from .core.dialling import ConnectAttempt
    from .core.ejection import Ejected
    from .core.following import Status
    from .core.names import ServiceName
    from .core.options import LookupOptions
    from .core.outcome import Look
    from .core.policy import PollPolicy
    from .core.questions import Attempt
    from .core.snapshot import Endpoint, Snapshot
    from .errors import (
        AmbiguousEndpoint,
        ConfigError,
        ConnectFailed,
        DiscoveryError,
        EndpointNotFound,
        InvalidName,
        LookupFailed,
        NoEndpoints,
        NotHeadless,
        NotYetKnown,
        WaitTimeout,
    )
    from .sync.oneliners import discover, watch
    from .sync.roles import Roles
    from .sync.service import HeadlessService

__all__ = [
    "AmbiguousEndpoint",
    "AsyncHeadlessService",
    "AsyncRoles",
    "Attempt",
    "Change",
    "ConfigError",
    "ConnectAttempt",
    "ConnectFailed",
    "ConnectPolicy",
    "DiscoveryError",
    "Ejected",
    "Endpoint",
    "EndpointNotFound",
    "HeadlessService",
    "InvalidName",
    "Look",
    "LookupFailed",
    "LookupOptions",
    "NoEndpoints",
    "NotHeadless",
    "NotYetKnown",
    "PollPolicy",
    "Roles",
    "ServiceName",
    "Snapshot",
    "Status",
    "WaitTimeout",
    "__version__",
    "adiscover",
    "awatch",
    "discover",
    "watch",
]

__version__ = "0.1.0"

_HOME = {
    "AmbiguousEndpoint": "errors",
    "AsyncHeadlessService": "aio.service",
    "AsyncRoles": "aio.roles",
    "Attempt": "core.questions",
    "Change": "core.changes",
    "ConfigError": "errors",
    "ConnectAttempt": "core.dialling",
    "ConnectFailed": "errors",
    "ConnectPolicy": "core.connectpolicy",
    "DiscoveryError": "errors",
    "Ejected": "core.ejection",
    "Endpoint": "core.snapshot",
    "EndpointNotFound": "errors",
    "HeadlessService": "sync.service",
    "InvalidName": "errors",
    "Look": "core.outcome",
    "LookupFailed": "errors",
    "LookupOptions": "core.options",
    "NoEndpoints": "errors",
    "NotHeadless": "errors",
    "NotYetKnown": "errors",
    "PollPolicy": "core.policy",
    "Roles": "sync.roles",
    "ServiceName": "core.names",
    "Snapshot": "core.snapshot",
    "Status": "core.following",
    "WaitTimeout": "errors",
    "adiscover": "aio.oneliners",
    "awatch": "aio.oneliners",
    "discover": "sync.oneliners",
    "watch": "sync.oneliners",
}


if not TYPE_CHECKING:  # a type checker shall refuse names that are not there

    def __getattr__(name: str) -> object:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - this is the lazy import

        value = getattr(import_module(f".{home}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
