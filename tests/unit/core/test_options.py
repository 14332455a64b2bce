"""`LookupOptions`: defaults, and what is refused."""

from __future__ import annotations

import pytest

from headless_discovery.core.options import LookupOptions
from headless_discovery.errors import ConfigError, InvalidName


def test_defaults_are_the_promised_ones() -> None:
    """5 s a look, 1 s an attempt, 6 sends, EDNS 1232, 4,096 members, both families, auto."""
    options = LookupOptions()
    assert (options.timeout, options.attempt_timeout, options.max_sends) == (5.0, 1.0, 6)
    assert (options.edns, options.max_members, options.family) == (1232, 4096, None)
    assert (options.plan, options.tcp, options.nameservers) == ("auto", False, ())
    assert (options.allow_networks, options.cluster_domain) == ((), None)
    assert options.resolv_conf == "/etc/resolv.conf"


@pytest.mark.parametrize(
    "setting",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": 3601},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"attempt_timeout": 0},
        {"attempt_timeout": float("nan")},
        {"max_sends": 0},
        {"max_sends": 101},
        {"family": 5},
        {"plan": "guess"},
        {"edns": 511},
        {"edns": 65536},
        {"edns": -1},
        {"max_members": 0},
        {"nameservers": "10.0.0.10"},
        {"allow_networks": "10.0.0.0/8"},
    ],
)
def test_what_cannot_be_meant_is_named(setting: dict[str, object]) -> None:
    """A value out of range is a ConfigError that names the setting."""
    with pytest.raises(ConfigError) as caught:
        LookupOptions(**setting)  # type: ignore[arg-type]
    assert [caught.value.setting] == list(setting)


@pytest.mark.parametrize(
    "setting", [{"edns": 0}, {"edns": 512}, {"edns": 65535}, {"family": 6}, {"max_members": 1}]
)
def test_the_ends_of_the_ranges(setting: dict[str, object]) -> None:
    """The outermost values are usable."""
    (name,) = setting
    assert getattr(LookupOptions(**setting), name) == setting[name]  # type: ignore[arg-type]


def test_replace() -> None:
    """The same options with some changed; the old ones stay."""
    options = LookupOptions(timeout=3)
    changed = options.replace(family=4, nameservers=["::1"])
    assert (changed.timeout, changed.family, changed.nameservers) == (3.0, 4, ("::1",))
    assert options.family is None
    with pytest.raises(TypeError):
        options.replace(colour="red")
    with pytest.raises(ConfigError):
        options.replace(timeout=0)


def test_the_cluster_domain_is_checked() -> None:
    """A cluster domain is normalised, an impossible one refused."""
    assert LookupOptions(cluster_domain="K8s.Example.").cluster_domain == "k8s.example"
    with pytest.raises(InvalidName):
        LookupOptions(cluster_domain="a b")
