"""Whom a service object is about: arguments validated, looks prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery.core.names import ServiceName
from headless_discovery.core.options import LookupOptions
from headless_discovery.core.plans import PlanMemory, plan
from headless_discovery.core.questions import Question, Server
from headless_discovery.errors import ConfigError, InvalidName
from headless_discovery.target import Target
from tests.unit.core import driving

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS: dict[str, Any] = {
    "namespace": None,
    "port": None,
    "protocol": None,
    "statefulset": None,
    "options": LookupOptions(nameservers=["10.0.0.1"], cluster_domain="cluster.local"),
}


def target(service: str | ServiceName = "db.shop", **given: Any) -> Target:
    """A target with some arguments."""
    return Target(service, **{**DEFAULTS, **given})


class TestArguments:
    """What the constructor takes and refuses, without I/O."""

    def test_only_text_is_a_service(self) -> None:
        """A forgotten variable (None) is no Service called "none" that nobody is behind."""
        for service in (None, 123, b"db.shop", ["db.shop"]):
            with pytest.raises(InvalidName, match="by its name, as text"):
                target(service)  # type: ignore[arg-type]

    def test_options_are_checked_at_once(self) -> None:
        """What cannot be meant is refused before the first look."""
        for options in ({"timeout": 1}, "fast"):
            with pytest.raises(ConfigError, match="no LookupOptions"):
                target(options=options)
        with pytest.raises(ConfigError, match="no name server"):
            target(options=LookupOptions(nameservers=["dns.example"]))
        with pytest.raises(ConfigError, match="network"):
            target(options=LookupOptions(allow_networks=["everything"]))

    @pytest.mark.parametrize("port", [True, 80.7, 10**5000], ids=["truth", "fraction", "long"])
    def test_odd_numbers_are_no_port(self, port: object) -> None:
        """Neither truth, nor a fraction, nor a number too long to be shown."""
        with pytest.raises(ConfigError, match="1 to 65535"):
            target(port=port)

    @pytest.mark.parametrize("port", [3306, "3306"])
    def test_a_number_replaces(self, port: object) -> None:
        """An int, or text of digits only, is a number and never asked."""
        request = target(port=port).prepare().request
        assert (request.port, request.port_name) == (3306, None)

    @pytest.mark.parametrize(
        ("port", "name"), [("web", "web"), ("_Web", "web"), ("8080-tcp", "8080-tcp")]
    )
    def test_a_name_is_asked(self, port: str, name: str) -> None:
        """Other text is a port's name."""
        request = target(port=port, protocol="UDP").prepare().request
        assert (request.port, request.port_name) == (None, name)
        steps = driving.play_plan(plan(request, PlanMemory(), 0.0), driving.nxdomain)
        assert steps.questions == [Question(f"_{name}._udp.db.shop.svc.cluster.local", 33)]

    @pytest.mark.parametrize("port", [0, -1, 65536, "0", "65536", "9" * 5000, 10**30])
    def test_no_port(self, port: object) -> None:
        """Numbers out of range are a ConfigError, short whatever was given."""
        with pytest.raises(ConfigError, match="1 to 65535") as caught:
            target(port=port)
        assert caught.value.setting == "port"
        assert len(str(caught.value)) < 200

    @pytest.mark.parametrize(
        "given",
        [
            {"service": "a b.shop"},
            {"namespace": "other"},
            {"port": "a b"},
            {"port": "²"},
            {"port": "web", "protocol": "icmp"},
            {"statefulset": "my.sql"},
        ],
    )
    def test_impossible_names(self, given: dict[str, Any]) -> None:
        """What no Kubernetes object can be called is InvalidName at once."""
        with pytest.raises(InvalidName):
            target(**given)

    def test_a_protocol_without_a_name(self) -> None:
        """``protocol`` without a port's name means nothing, so it is refused."""
        for port in (None, 80):
            with pytest.raises(ConfigError, match="port's name"):
                target(port=port, protocol="tcp")

    def test_a_service_name_as_the_service(self) -> None:
        """A ServiceName is taken as it is."""
        name = ServiceName("db.shop", cluster_domain="k8s.example")
        assert target(name, options=None).service() == name

    def test_no_io_in_the_constructor(self) -> None:
        """A missing resolv.conf hurts when a look begins, not before."""
        lost = target(options=LookupOptions(resolv_conf="/nonexistent/resolv.conf"))
        with pytest.raises(ConfigError):
            lost.prepare()


class TestPrepare:
    """What a look needs, made once and again when the surroundings change."""

    def test_everything_arrives(self) -> None:
        """Options and arguments are in the request."""
        options = DEFAULTS["options"].replace(
            family=4, plan="srv", max_members=7, allow_networks=["127.0.0.0/8"]
        )
        request, servers = target(statefulset="MySQL", options=options).prepare()
        assert servers == (Server("10.0.0.1", 53),)
        assert request.service.fqdn == "db.shop.svc.cluster.local"
        assert (request.family, request.plan, request.max_members) == (4, "srv", 7)
        assert request.statefulset == "mysql"
        assert request.policy.objection("127.0.0.1") is None

    def test_it_is_kept_while_nothing_changes(self) -> None:
        """The second look begins with what the first one prepared."""
        one = target()
        assert one.prepare() is one.prepare()

    def test_resolv_conf_changing(self, tmp_path: Path) -> None:
        """A changed resolv.conf is heeded by the next look."""
        path = tmp_path / "resolv.conf"
        path.write_text("nameserver 10.0.0.1\n")
        one = target(options=LookupOptions(resolv_conf=str(path)))
        assert one.prepare().servers[0].address == "10.0.0.1"
        path.write_text("nameserver 10.0.0.22\n")
        assert one.prepare().servers[0].address == "10.0.0.22"
        path.unlink()
        with pytest.raises(ConfigError):
            one.prepare()

    def test_resolv_conf_while_it_is_written(self, tmp_path: Path) -> None:
        """Empty for a moment, as a file rewritten in place is: what it said before holds."""
        path = tmp_path / "resolv.conf"
        path.write_text("nameserver 10.0.0.1\nsearch shop.svc.corp.example svc.corp.example\n")
        one = target("db", options=LookupOptions(resolv_conf=str(path)))
        assert one.prepare().request.service.fqdn == "db.shop.svc.corp.example"
        path.write_text("")
        assert one.prepare().request.service.fqdn == "db.shop.svc.corp.example"
        assert one.prepare().servers[0].address == "10.0.0.1"
        path.write_text("nameserver 10.0.0.2\nsearch other.svc.corp.example svc.corp.example\n")
        assert one.prepare().request.service.fqdn == "db.other.svc.corp.example"
        assert one.prepare().servers[0].address == "10.0.0.2"

    def test_bad_networks_name_who_said_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variable is named where the environment is at fault."""
        monkeypatch.setenv("HEADLESS_DISCOVERY_ALLOW_NETWORKS", "localhost")
        with pytest.raises(ConfigError) as caught:
            target().prepare()
        assert caught.value.setting == "HEADLESS_DISCOVERY_ALLOW_NETWORKS"

    def test_options_reach_the_exchange(self) -> None:
        """Attempts, sends, EDNS and TCP are those of the options."""
        options = DEFAULTS["options"].replace(attempt_timeout=0.5, max_sends=2, edns=4096, tcp=True)
        one = target(options=options)
        steps = one.exchange(
            driving.QUESTION,
            one.prepare().servers,
            start=0.0,
            deadline=5.0,
            zone="cluster.local",
            random_id=lambda: driving.IDENT,
        )
        played = driving.play(steps, driving.silent)
        assert [(each.at, each.tcp, each.edns) for each in played.sent] == [
            (0.0, True, 4096),
            (0.5, True, 4096),
        ]
        assert played.at == 1.5
