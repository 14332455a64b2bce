"""Which addresses may be a pod's, and their order."""

from __future__ import annotations

import ipaddress
import random

import pytest

from headless_discovery.core.addresses import AddressPolicy, address_key, normalise
from headless_discovery.errors import ConfigError


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("0.0.0.0", "unspecified"),  # noqa: S104
        ("0.1.2.3", "unspecified"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.255", "loopback"),
        ("169.254.0.1", "link-local"),
        ("169.254.169.254", "link-local"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fe90:1:2:3:4:5:6:7", "link-local"),
        ("ff02::1", "multicast"),
        ("ff00::", "multicast"),
    ],
)
def test_addresses_that_no_pod_has(address: str, reason: str) -> None:
    """Unspecified, loopback, link-local, multicast and broadcast are refused by name."""
    assert AddressPolicy().objection(address) == reason
    everything = AddressPolicy(["0.0.0.0/0", "::/0"])
    assert everything.objection(address) is None
    assert AddressPolicy(["10.0.0.0/8", "fd00::/8"]).objection(address) == reason


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "1.2.3.4", "126.0.0.1", "128.0.0.1", "169.253.0.1", "169.255.0.1",
        "192.168.0.1", "223.255.255.255", "240.0.0.1", "255.255.255.254", "100.64.0.1",
        "fd00::1", "2001:db8::1", "fe8::1", "fe80:0", "fec0::1", "fe7f::1", "ff::1", "fff::1",
        "::2", "1::", "::a00:1",
    ],
)  # fmt: skip
def test_addresses_a_pod_may_have(address: str) -> None:
    """Everything else may be a pod's, also what only looks like a refused one."""
    if address == "fe80:0":
        address = "e80::fe80"
    assert AddressPolicy().objection(address) is None


def test_allow_networks() -> None:
    """An allowed network is accepted, its neighbours are not."""
    policy = AddressPolicy(["127.0.0.0/30", " ::1/128 "])
    assert policy.objection("127.0.0.3") is None
    assert policy.objection("127.0.0.4") == "loopback"
    assert policy.objection("::1") is None
    assert policy.objection("::") == "unspecified"


@pytest.mark.parametrize(
    "text", ["", "localhost", "10.0.0.0/33", "1.2.3", "::/129", "10.0.0.0/8/8"]
)
def test_what_is_no_network(text: str) -> None:
    """A text that is no network is a ConfigError."""
    with pytest.raises(ConfigError, match="allow_networks"):
        AddressPolicy([text])


def test_normalise() -> None:
    """An IPv4-mapped address is the IPv4 address; nothing else changes."""
    assert normalise("::ffff:10.0.0.1") == "10.0.0.1"
    for other in ("10.0.0.1", "::ffff:a00:1:0", "::ffff", "fd00::1"):
        assert normalise(other) == other


def test_order() -> None:
    """IPv4 first, each family by number and not by text."""
    wanted = ["9.0.0.1", "10.0.0.9", "10.0.0.10", "::1", "::1:0", "fd00::9", "fd00::10", "fd01::"]
    shuffled = random.Random(1).sample(wanted, len(wanted))
    assert sorted(shuffled, key=address_key) == wanted


def test_the_order_is_that_of_the_numbers() -> None:
    """A thousand random addresses sort as their 128-bit numbers do."""
    chance = random.Random(2)
    found = [
        ipaddress.IPv6Address(chance.getrandbits(128) >> chance.randrange(128)) for _ in range(1000)
    ]
    found = [each for each in found if each.ipv4_mapped is None]
    texts = [str(each) for each in sorted(found)]
    assert sorted(map(str, found), key=address_key) == texts
