"""An embedded cluster DNS for tests: no cluster, no container, a real port.

It answers as CoreDNS's ``kubernetes`` plugin does, octet for octet where that matters
(truncation, compression, NXDOMAIN or no data, negative SOA), and can be told to misbehave.

>>> from headless_discovery.testing import ClusterDNS
>>> with ClusterDNS() as dns:
...     db = dns.service("my-database", namespace="shop", ports=[3306])
...     mysql = dns.statefulset("mysql", service=db, replicas=3)
...     mysql.scale(5)
...     mysql.restart(0)  # the same name, another address
...     [pod.name for pod in mysql.pods]
['mysql-1', 'mysql-2', 'mysql-3', 'mysql-4', 'mysql-0']

``dns.options`` goes into any call of this library; ``dns.environment`` points an
unchanged program at it; the pytest fixture ``cluster_dns`` does both.

The names load when they are first used: the pytest plugin of this package is imported
in every run of every project that has it installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clusterdns import ClusterDNS
    from .faults import (
        CutAfter,
        Delay,
        Drip,
        Drop,
        Duplicate,
        Fault,
        Garbage,
        HeaderOnly,
        LyingLength,
        Raw,
        Rcode,
        RefuseTcp,
        Truncate,
        WrongId,
        WrongQuestion,
    )
    from .packets import LoggedQuery, Packet
    from .services import Pod, Service
    from .specs import Endpoint, EndpointPort, EndpointSlice, Port
    from .workloads import Deployment, StatefulSet

__all__ = [
    "ClusterDNS",
    "CutAfter",
    "Delay",
    "Deployment",
    "Drip",
    "Drop",
    "Duplicate",
    "Endpoint",
    "EndpointPort",
    "EndpointSlice",
    "Fault",
    "Garbage",
    "HeaderOnly",
    "LoggedQuery",
    "LyingLength",
    "Packet",
    "Pod",
    "Port",
    "Raw",
    "Rcode",
    "RefuseTcp",
    "Service",
    "StatefulSet",
    "Truncate",
    "WrongId",
    "WrongQuestion",
]

_ELSEWHERE = {
    "ClusterDNS": "clusterdns",
    "LoggedQuery": "packets",
    "Packet": "packets",
    "Pod": "services",
    "Service": "services",
    "Endpoint": "specs",
    "EndpointPort": "specs",
    "EndpointSlice": "specs",
    "Port": "specs",
    "Deployment": "workloads",
    "StatefulSet": "workloads",
}


if not TYPE_CHECKING:  # a type checker shall refuse names that are not there

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(f".{_ELSEWHERE.get(name, 'faults')}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
