"""Addresses: which ones may be a pod's, and their order.

In: addresses as bytes or text. Out: normalised text, a verdict, a sort key. Pods never
have an unspecified, loopback, link-local, multicast or broadcast address, and an answer
that says so is hostile or broken: following it would connect to ourselves or to a
cloud's metadata service (169.254.169.254).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

__all__ = ["AddressPolicy", "address_key", "address_text", "normalise"]

_MULTICAST_V4 = dict.fromkeys(map(str, range(224, 240)), "multicast")
# RFC 6890 registry: what the first octet alone decides, "" where the whole must be seen.
_FIRST_OCTET = {"0": "unspecified", "127": "loopback", "169": "", "255": "", **_MULTICAST_V4}


class AddressPolicy:
    """Tells addresses that cannot be a pod's.

    Args:
        allow_networks: CIDR networks whose addresses are accepted all the same.
        setting: Where they come from, for the error.

    Raises:
        ConfigError: A text that is no network.
    """

    __slots__ = ("_allowed",)

    def __init__(self, allow_networks: Iterable[str] = (), setting: str = "allow_networks") -> None:
        self._allowed = [_network(text, setting) for text in allow_networks]

    def objection(self, address: str) -> str | None:
        """Why the address is refused, or None where it may be a pod's."""
        if ":" in address:
            reason = _objection_v6(address)
        else:
            reason = _FIRST_OCTET.get(address[: address.index(".")])
            if reason == "":
                reason = _objection_v4(address)
        if reason is None or (self._allowed and self._is_allowed(address)):
            return None
        return reason

    def _is_allowed(self, address: str) -> bool:
        from ipaddress import ip_address  # noqa: PLC0415 - costs start-up, rarely needed

        parsed = ip_address(address)
        return any(parsed in network for network in self._allowed)


def address_text(raw: bytes) -> str:
    """4 bytes, or 16 as RFC 5952 writes them, as text."""
    if len(raw) == 4:
        return "%d.%d.%d.%d" % tuple(raw)  # noqa: UP031 - the fastest
    if raw[:12] == b"\0" * 10 + b"\xff\xff":
        return "::ffff:%d.%d.%d.%d" % tuple(raw[12:])  # noqa: UP031
    groups = [f"{raw[i] << 8 | raw[i + 1]:x}" for i in range(0, 16, 2)]
    best_start, best_length, run = 0, 1, 0
    for position in range(8):
        run = run + 1 if groups[position] == "0" else 0
        if run > best_length:
            best_start, best_length = position - run + 1, run
    if best_length == 1:
        return ":".join(groups)
    head, tail = groups[:best_start], groups[best_start + best_length :]
    return ":".join(head) + "::" + ":".join(tail)


def normalise(address: str) -> str:
    """An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) as the IPv4 address it is."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def address_key(address: str) -> tuple[int, int]:
    """Sort key: IPv4 before IPv6, each by number."""
    if ":" not in address:
        a, b, c, d = address.split(".")
        return 4, int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)
    head, gap, tail = address.partition("::")
    left = [int(group, 16) for group in head.split(":") if group]
    right = [int(group, 16) for group in tail.split(":") if group] if gap else []
    number = 0
    for group in (*left, *(0,) * (8 - len(left) - len(right)), *right):
        number = number << 16 | group
    return 6, number


def _objection_v4(address: str) -> str | None:
    if address == "255.255.255.255":
        return "broadcast"
    return "link-local" if address.startswith("169.254.") else None


def _objection_v6(address: str) -> str | None:
    if address == "::":
        return "unspecified"
    if address == "::1":
        return "loopback"
    if address.index(":") != 4:  # a shorter first group begins with zeros: fe8:: is 0fe8::
        return None
    if address.startswith("ff"):
        return "multicast"
    return "link-local" if address[:3] in ("fe8", "fe9", "fea", "feb") else None


def _network(text: str, setting: str) -> IPv4Network | IPv6Network:
    from ipaddress import ip_network  # noqa: PLC0415 - costs start-up, rarely needed

    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ConfigError(setting, f"{error}; write a network such as 127.0.0.0/8") from None
