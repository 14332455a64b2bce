"""`LookupOptions`: every setting of one look, with its unit, default and reason.

A frozen value without I/O: what is left open here (name servers, cluster domain) is
filled from the environment and resolv.conf by ``resolvconf`` when a look begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError
from .names import check_domain
from .values import Value, is_number

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LookupOptions"]

PLANS = ("auto", "srv", "addresses")


class LookupOptions(Value):
    """How one look asks DNS. Everything has a default that suits a pod.

    Args:
        nameservers: Servers to ask, in order: ``"10.96.0.10"``, ``"127.0.0.1:5353"``,
            ``"[fd00::a]:53"``. Empty (default): ``HEADLESS_DISCOVERY_NAMESERVERS``, then
            resolv.conf.
        timeout: Seconds until a look must have ended, default 5.
        attempt_timeout: Seconds one server gets for one question, default 1 and twice
            that from the second round on: the conntrack race that eats a UDP packet
            must not cost the 5 s it costs libc.
        max_sends: Times one question is sent at most, over all servers, default 6.
        family: 4 or 6 asks and keeps only that address family; None (default) both.
        tcp: Ask by TCP at once, default False (UDP, and TCP where the answer is cut).
        plan: ``"auto"`` (default): SRV, and A/AAAA where the Service has no ports or
            the answer was cut; ``"srv"``: SRV, so a Service without ports is
            EMPTY (a cut answer is completed by A/AAAA all the same); ``"addresses"``: A and
            AAAA only, so endpoints have no names.
        edns: The UDP payload size announced (RFC 6891), default 1232, which fits every
            path without fragments; 0 leaves EDNS out.
        allow_networks: Networks in CIDR form whose addresses are accepted although they
            are loopback, link-local, multicast, broadcast or unspecified: for laptops
            and tests. Default none.
        max_members: Endpoints an answer may hold, default 4096; more is a failure.
        cluster_domain: Default: the environment, resolv.conf, ``cluster.local``.
        resolv_conf: Path of resolv.conf, default ``/etc/resolv.conf``.

    Raises:
        ConfigError: A value that cannot be meant, named.
    """

    __slots__ = (
        "allow_networks",
        "attempt_timeout",
        "cluster_domain",
        "edns",
        "family",
        "max_members",
        "max_sends",
        "nameservers",
        "plan",
        "resolv_conf",
        "tcp",
        "timeout",
    )
    nameservers: tuple[str, ...]
    timeout: float
    attempt_timeout: float
    max_sends: int
    family: int | None
    tcp: bool
    plan: str
    edns: int
    allow_networks: tuple[str, ...]
    max_members: int
    cluster_domain: str | None
    resolv_conf: str

    def __init__(
        self,
        *,
        nameservers: Iterable[str] = (),
        timeout: float = 5.0,
        attempt_timeout: float = 1.0,
        max_sends: int = 6,
        family: int | None = None,
        tcp: bool = False,
        plan: str = "auto",
        edns: int = 1232,
        allow_networks: Iterable[str] = (),
        max_members: int = 4096,
        cluster_domain: str | None = None,
        resolv_conf: str = "/etc/resolv.conf",
    ) -> None:
        _demand_seconds("timeout", timeout)
        _demand_seconds("attempt_timeout", attempt_timeout)
        _demand_whole("max_sends", max_sends, 1, 100)
        _demand(family in (None, 4, 6), "family", family, "4, 6 or None for both")
        _demand(plan in PLANS, "plan", plan, "one of " + ", ".join(PLANS))
        if edns != 0:
            _demand_whole("edns", edns, 512, 65535)
        _demand_whole("max_members", max_members, 1, 1 << 31)
        self._set(
            nameservers=_texts("nameservers", nameservers),
            timeout=float(timeout),
            attempt_timeout=float(attempt_timeout),
            max_sends=max_sends,
            family=family,
            tcp=tcp,
            plan=plan,
            edns=edns,
            allow_networks=_texts("allow_networks", allow_networks),
            max_members=max_members,
            cluster_domain=None if cluster_domain is None else check_domain(cluster_domain),
            resolv_conf=resolv_conf,
        )

    def replace(self, **changes: object) -> LookupOptions:
        """The same options with some of them changed.

        Raises:
            ConfigError: As the constructor.
            TypeError: There is no option of that name.
        """
        fields: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        return LookupOptions(**{**fields, **changes})  # type: ignore[arg-type]


def _demand(holds: bool, setting: str, value: object, wanted: str) -> None:
    if not holds:
        raise ConfigError(setting, f"{value!r} is not usable, it must be {wanted}")


def _demand_seconds(setting: str, value: object) -> None:
    fits = is_number(value) and 0 < value <= 3600
    _demand(fits, setting, value, "a number of seconds, more than 0, at most 3600")


def _demand_whole(setting: str, value: object, least: int, most: int) -> None:
    fits = isinstance(value, int) and least <= value <= most
    _demand(fits, setting, value, f"a whole number from {least} to {most}")


def _texts(setting: str, values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise ConfigError(setting, f"it is a list of texts; write [{values!r}]")
    texts = tuple(values)
    for text in texts:
        _demand(isinstance(text, str), setting, text, "text")
    return texts
