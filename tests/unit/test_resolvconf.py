"""What the pod was told: resolv.conf, the environment, its own name."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from headless_discovery.core.conditions import OwnPod
from headless_discovery.core.names import split_service
from headless_discovery.core.options import LookupOptions
from headless_discovery.core.questions import Server
from headless_discovery.errors import ConfigError, InvalidName
from headless_discovery.resolvconf import (
    Surroundings,
    own_pod,
    parse_nameserver,
    parse_resolv_conf,
)

if TYPE_CHECKING:
    from pathlib import Path

KUBERNETES = """\
search shop.svc.k8s.example svc.k8s.example k8s.example
nameserver 10.96.0.10
options ndots:5
"""


class TestResolvConf:
    """The file, as glibc reads it."""

    def test_what_kubernetes_writes(self) -> None:
        """Servers and the search list; options are passed over."""
        found = parse_resolv_conf(KUBERNETES)
        assert found.nameservers == (Server("10.96.0.10", 53),)
        assert found.search == ("shop.svc.k8s.example", "svc.k8s.example", "k8s.example")

    def test_strange_lines(self) -> None:
        """Comments, repetition, bad addresses and unknown words do no harm."""
        found = parse_resolv_conf(
            "# nameserver 1.1.1.1\n; x\n\n  \nnameserver\nnameserver dns.example\n"
            "nameserver 10.0.0.1 # first\nnameserver 10.0.0.1\nnameserver ::1;x\n"
            "nameserver fe80::1%eth0\nnameserver fe80::1%\nnameserver fe80::1%a\0b\n"
            "nameserver 10.0.0.1%eth0\nnameserver 1.2.3\nsortlist x\n"
            "search A.Example.\ndomain b.example.\nnameserver\t10.0.0.2"
        )
        assert [each.address for each in found.nameservers] == [
            "10.0.0.1",
            "::1",
            "fe80::1%eth0",
            "10.0.0.2",
        ]
        assert found.search == ("b.example",)

    @pytest.mark.parametrize(
        ("text", "server"),
        [
            ("10.0.0.10", Server("10.0.0.10", 53)),
            (" 127.0.0.1:5353 ", Server("127.0.0.1", 5353)),
            ("fd00::a", Server("fd00::a", 53)),
            ("[fd00::a]", Server("fd00::a", 53)),
            ("[fd00::a]:53", Server("fd00::a", 53)),
            ("[fe80::1%eth0]:65535", Server("fe80::1%eth0", 65535)),
        ],
    )
    def test_nameservers(self, text: str, server: Server) -> None:
        """An address, with a port where one is given."""
        assert parse_nameserver(text) == server

    @pytest.mark.parametrize(
        "text",
        ["", "dns.example", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:dns", "10.0.0.1:٣", "[::1]x",
         "[::1", "10.0.0.1:53:53", "10.0.0.1:-1", "fe80::1%a b", "[10.0.0.1", "\ud800"],
    )  # fmt: skip
    def test_what_is_no_nameserver(self, text: str) -> None:
        """Names, ports out of range and broken brackets are refused, naming the setting."""
        with pytest.raises(ConfigError) as caught:
            parse_nameserver(text, "MY_SERVERS")
        assert caught.value.setting == "MY_SERVERS"


@pytest.fixture
def resolv_conf(tmp_path: Path) -> Path:
    """A resolv.conf as Kubernetes writes it."""
    path = tmp_path / "resolv.conf"
    path.write_text(KUBERNETES)
    return path


def options(path: Path, **more: object) -> LookupOptions:
    """Options that point at that file."""
    return LookupOptions(resolv_conf=str(path), **more)  # type: ignore[arg-type]


def around(tmp_path: Path, **environ: str) -> Surroundings:
    """Surroundings with this environment and no service account."""
    given = {f"HEADLESS_DISCOVERY_{name}": value for name, value in environ.items()}
    return Surroundings(given, str(tmp_path / "namespace"))


class TestSurroundings:
    """Argument, environment, service account, resolv.conf: in this order."""

    def test_nameservers(self, tmp_path: Path, resolv_conf: Path) -> None:
        """Arguments win over the environment, that over resolv.conf."""
        environ = around(tmp_path, NAMESERVERS="10.0.0.1, [::1]:54,,")
        assert environ.nameservers(options(resolv_conf, nameservers=["10.0.0.9:5"])) == (
            Server("10.0.0.9", 5),
        )
        assert environ.nameservers(options(resolv_conf)) == (
            Server("10.0.0.1", 53),
            Server("::1", 54),
        )
        assert around(tmp_path).nameservers(options(resolv_conf)) == (Server("10.96.0.10", 53),)

    def test_a_bad_variable_is_named(self, tmp_path: Path, resolv_conf: Path) -> None:
        """The error names the variable that holds the unusable text."""
        with pytest.raises(ConfigError) as caught:
            around(tmp_path, NAMESERVERS="dns.example").nameservers(options(resolv_conf))
        assert caught.value.setting == "HEADLESS_DISCOVERY_NAMESERVERS"
        parts = split_service("db")
        for variable in ("NAMESPACE", "CLUSTER_DOMAIN"):
            with pytest.raises(ConfigError) as caught:
                around(tmp_path, **{variable: "a b"}).service(parts, options(resolv_conf))
            assert caught.value.setting == f"HEADLESS_DISCOVERY_{variable}"

    def test_the_file_is_read_again_when_it_changes(
        self, tmp_path: Path, resolv_conf: Path
    ) -> None:
        """A change of resolv.conf is seen by the next look, also one by rename."""
        surroundings = around(tmp_path)
        assert surroundings.nameservers(options(resolv_conf))[0].address == "10.96.0.10"
        other = tmp_path / "new"
        other.write_text("nameserver 10.0.0.2\n")
        os.replace(other, resolv_conf)  # noqa: PTH105
        assert surroundings.nameservers(options(resolv_conf)) == (Server("10.0.0.2", 53),)

    def test_the_file_is_not_read_twice_unchanged(
        self, tmp_path: Path, resolv_conf: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As long as it stays the same it is not opened again."""
        surroundings = around(tmp_path)
        first = surroundings.nameservers(options(resolv_conf))

        def no_open(*_: object, **__: object) -> None:
            raise AssertionError("opened again")

        monkeypatch.setattr("builtins.open", no_open)
        assert surroundings.nameservers(options(resolv_conf)) is first

    @pytest.mark.parametrize("content", ["", "search x\n", "nameserver dns.example\n", "\0\xff"])
    def test_a_file_without_servers(self, tmp_path: Path, resolv_conf: Path, content: str) -> None:
        """A file without a usable server is a ConfigError that names the file."""
        resolv_conf.write_text(content)
        with pytest.raises(ConfigError) as caught:
            around(tmp_path).nameservers(options(resolv_conf))
        assert caught.value.setting == str(resolv_conf)

    @pytest.mark.parametrize("path", ["missing", ".", "nul\0"])
    def test_no_file(self, tmp_path: Path, path: str) -> None:
        """A missing or unreadable file is a ConfigError, but only where servers are needed."""
        missing = LookupOptions(resolv_conf=f"{tmp_path}/{path}")
        with pytest.raises(ConfigError, match="nameservers="):
            around(tmp_path).nameservers(missing)
        assert around(tmp_path).seen(missing) is None or path == "."
        name = around(tmp_path).service(split_service("db.shop"), missing)
        assert name.fqdn == "db.shop.svc.cluster.local"

    def test_cluster_domain(self, tmp_path: Path, resolv_conf: Path) -> None:
        """Name, argument, environment, the ``svc.`` entry of the search list, cluster.local."""
        parts = split_service("db.shop")

        def domain(surroundings: Surroundings, **more: object) -> str:
            return surroundings.service(parts, options(resolv_conf, **more)).cluster_domain

        environ = around(tmp_path, CLUSTER_DOMAIN="Env.Example.")
        assert domain(environ, cluster_domain="arg.example") == "arg.example"
        assert domain(environ) == "env.example"
        assert domain(around(tmp_path)) == "k8s.example"
        full = split_service("db.shop.svc.own.example")
        assert environ.service(full, options(resolv_conf)).cluster_domain == "own.example"
        resolv_conf.write_text("search example.com shop.svc.k8s.example\n")
        assert domain(around(tmp_path)) == "cluster.local"

    def test_namespace(self, tmp_path: Path, resolv_conf: Path) -> None:
        """Name, environment, the service account's file, the search list; else an error."""
        parts, wanted = split_service("db"), options(resolv_conf)

        def namespace(surroundings: Surroundings) -> str:
            return surroundings.service(parts, wanted).namespace

        assert namespace(around(tmp_path)) == "shop"
        (tmp_path / "namespace").write_text("Account\n")
        assert namespace(around(tmp_path)) == "account"
        environ = around(tmp_path, NAMESPACE="env")
        assert namespace(environ) == "env"
        assert environ.service(split_service("db.own"), wanted).namespace == "own"
        (tmp_path / "namespace").write_text("no label\n")
        with pytest.raises(ConfigError) as caught:
            namespace(around(tmp_path))
        assert caught.value.setting == str(tmp_path / "namespace")
        (tmp_path / "namespace").write_text(" \n")
        resolv_conf.write_text("nameserver 10.0.0.1\n")
        with pytest.raises(ConfigError, match=r"db\.<namespace>") as caught:
            namespace(around(tmp_path))
        assert caught.value.setting == "namespace"

    def test_a_bad_search_list_is_named(self, tmp_path: Path, resolv_conf: Path) -> None:
        """A search entry that can be no namespace or domain is a ConfigError with the path."""
        for text in ("search svc.bad_domain\n", "search a.b.svc.cluster.local\n"):
            resolv_conf.write_text(text)
            with pytest.raises(ConfigError) as caught:
                around(tmp_path).service(split_service("db"), options(resolv_conf))
            assert caught.value.setting == str(resolv_conf)

    def test_a_name_that_gets_too_long(self, tmp_path: Path, resolv_conf: Path) -> None:
        """The completed name is checked too."""
        domain = ".".join(["d" * 60] * 4)
        with pytest.raises(InvalidName):
            around(tmp_path, CLUSTER_DOMAIN=domain).service(
                split_service("db.shop"), options(resolv_conf)
            )

    def test_allow_networks(self, tmp_path: Path, resolv_conf: Path) -> None:
        """The argument wins over the environment; who said it is told."""
        environ = around(tmp_path, ALLOW_NETWORKS="127.0.0.0/8, ::1/128")
        assert environ.allow_networks(options(resolv_conf)) == (
            ("127.0.0.0/8", "::1/128"),
            "HEADLESS_DISCOVERY_ALLOW_NETWORKS",
        )
        assert environ.allow_networks(options(resolv_conf, allow_networks=["10.0.0.0/8"])) == (
            ("10.0.0.0/8",),
            "allow_networks",
        )

    def test_when_the_file_matters(self, tmp_path: Path, resolv_conf: Path) -> None:
        """It does not where servers, namespace and cluster domain are given."""
        environ = around(tmp_path, NAMESERVERS="10.0.0.1", NAMESPACE="n", CLUSTER_DOMAIN="d")
        assert not environ.needs_resolv_conf(split_service("db"), options(resolv_conf))
        for missing in ("NAMESERVERS", "NAMESPACE", "CLUSTER_DOMAIN"):
            given = {"NAMESERVERS": "10.0.0.1", "NAMESPACE": "n", "CLUSTER_DOMAIN": "d"}
            del given[missing]
            needed = around(tmp_path, **given)
            assert needed.needs_resolv_conf(split_service("db"), options(resolv_conf))
        assert environ.seen(options(resolv_conf)) == environ.seen(options(resolv_conf))

    def test_the_environment_of_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without one given, the process's own is read."""
        monkeypatch.setenv("HEADLESS_DISCOVERY_NAMESERVERS", "10.7.7.7")
        assert Surroundings().nameservers(LookupOptions()) == (Server("10.7.7.7", 53),)


class TestOwnPod:
    """Who this pod is."""

    def test_the_downward_api(self) -> None:
        """``POD_NAME`` and ``POD_IP`` say it."""
        environ = {"POD_NAME": "MySQL-0", "POD_IP": "10.0.0.7"}
        assert own_pod(Server("127.0.0.1", 53), environ) == OwnPod("mysql-0", "10.0.0.7")

    def test_without_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The host name, and the local address of a socket that would ask the server."""
        monkeypatch.setattr(socket, "gethostname", lambda: "mysql-1.db.shop")
        assert own_pod(Server("127.0.0.1", 53), {}) == OwnPod("mysql-1", "127.0.0.1")
        monkeypatch.setenv("POD_NAME", "env-0")
        assert own_pod(Server("127.0.0.1", 53)).name == "env-0"

    def test_no_route(self) -> None:
        """Where no route leads to the server, the address is not known."""
        assert own_pod(Server("fe80::1%nosuch0", 53), {"POD_NAME": "a"}).address is None
