"""Addresses: who gets which, and which ones a careful client would refuse.

In: networks in CIDR form. Out: one unused address after the other. Knows nothing of pods.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Pool", "packed", "refused_range"]

# What LookupOptions.allow_networks must name before an endpoint may be there.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "::1/128",
        "fe80::/10",
        "ff00::/8",
    )
)


class Pool:
    """Hands out the addresses of one network per family, in order, none twice.

    Args:
        networks: One network in CIDR form for each family that is wanted.

    Raises:
        ValueError: Not a network, or two of one family.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: dict[int, ipaddress.IPv4Network | ipaddress.IPv6Network] = {}
        for text in networks:
            network = ipaddress.ip_network(text)
            if network.version in self._networks:
                raise ValueError(f"two networks of IPv{network.version}: {text}")
            self._networks[network.version] = network
        # The first address of a pod network belongs to the bridge.
        self._next = dict.fromkeys(self._networks, 2)

    def take(self, families: Iterable[int]) -> tuple[str, ...]:
        """One address of each family.

        Raises:
            ValueError: There is no network of that family, or it is used up.
        """
        taken = []
        for family in families:
            network = self._networks.get(family)
            if network is None:
                raise ValueError(f"there is no network of IPv{family} to take an address from")
            offset = self._next[family]
            if offset >= network.num_addresses - 1:
                raise ValueError(f"{network} is used up")
            self._next[family] = offset + 1
            taken.append(str(network[offset]))
        return tuple(taken)

    def refused(self) -> tuple[str, ...]:
        """The networks of this pool that a client refuses unless it is told to allow them."""
        return tuple(
            str(network)
            for network in self._networks.values()
            if any(network.version == bad.version and network.overlaps(bad) for bad in _REFUSED)
        )


def packed(text: str) -> bytes | None:
    """An address in 4 or 16 octets (IPv4-mapped in 4, as Go's ``To4``); None for a name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped is not None:
        return address.ipv4_mapped.packed
    return address.packed


def refused_range(text: str) -> str | None:
    """The loopback, link-local, multicast... network that holds an address, or None."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    for network in _REFUSED:
        if network.version == address.version and address in network:
            return str(network)
    return None
