"""The command line: every flag has its twin, and both are in the reference."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
from typing import Any

import pytest
import yaml

from headless_discovery import ConfigError
from headless_discovery.cli.arguments import count, delay, duration, pod, tcp_port
from headless_discovery.cli.parser import build_parser, parse
from tests.faces import REPOSITORY

FOLLOWING = ("watch", "wait", "write")
CHOOSING = ("connect", "exec")
# What a command needs besides the Service.
NEEDED = {"wait": ["--for", "count=1"], "write": ["--to", "peers"]}
BEHIND = {"exec": ["--", "sh"]}
# Flags of following and choosing commands: how they are given, what comes of it, their variable.
SET: dict[str, list[tuple[list[str], str, Any, str]]] = {
    "all": [
        (["--look-timeout", "2s"], "look_timeout", 2.0, "LOOK_TIMEOUT"),
        (["--hint", "1500ms"], "hint", 1.5, "HINT"),
        (["--statefulset", "mysql"], "statefulset", "mysql", "STATEFULSET"),
        (["--port", "web"], "port", "web", "PORT"),
        (["-6"], "family", 6, "FAMILY"),
        (["--tcp"], "tcp", True, "TCP"),
    ],
    "watch": [
        (["-o", "text"], "output", "text", "OUTPUT"),
        (["--duration", "2m"], "duration", 120.0, "DURATION"),
        (["--record", "file"], "record", "file", "RECORD"),
    ],
    "wait": [
        (["--for", "ordinals=0-2"], "condition", "ordinals=0-2", "FOR"),
        (["--stable", "5"], "stable", 5.0, "STABLE"),
        (["--timeout", "1h"], "timeout", 3600.0, "TIMEOUT"),
        (["--tcp-port", "3306"], "tcp_port", 3306, "TCP_PORT"),
    ],
    "write": [
        (["--to", "file"], "to", "file", "TO"),
        (["-o", "hosts"], "output", "hosts", "OUTPUT"),
        (["--once"], "once", True, "ONCE"),
        (["--expected", "3"], "expected", 3, "EXPECTED"),
        (["--timeout", "90"], "timeout", 90.0, "TIMEOUT"),
    ],
    "connect": [
        (["--all"], "all", True, "ALL"),
        (["--tls"], "tls", True, "TLS"),
        (["--tls", "--ca-file", "ca.pem"], "ca_file", "ca.pem", "CA_FILE"),
        (["--tls", "--tls-name", "service"], "tls_name", "service", "TLS_NAME"),
        (["--timeout", "90"], "timeout", 90.0, "TIMEOUT"),
        (["-o", "json"], "output", "json", "OUTPUT"),
    ],
    "exec": [
        (["--check"], "check", True, "CHECK"),
        (["--timeout", "90"], "timeout", 90.0, "TIMEOUT"),
    ],
    "choosing": [
        (["--look-timeout", "2s"], "look_timeout", 2.0, "LOOK_TIMEOUT"),
        (["--port", "web"], "port", "web", "PORT"),
        (["-6"], "family", 6, "FAMILY"),
        (["--to", "0"], "pod", 0, "TO"),
        (["--to", "mysql-0"], "pod", "mysql-0", "TO"),
        (["--exclude-self"], "exclude_self", True, "EXCLUDE_SELF"),
        (["--wait"], "wait", True, "WAIT"),
        (["--attempt-timeout", "250ms"], "attempt_timeout", 0.25, "ATTEMPT_TIMEOUT"),
    ],
}
CASES = [(command, *case) for command in FOLLOWING for case in (*SET["all"], *SET[command])]
CASES += [(command, *case) for command in CHOOSING for case in (*SET["choosing"], *SET[command])]
VALUE = {"family": "6", "once": "yes"} | dict.fromkeys(
    ("all", "check", "exclude_self", "tcp", "tls", "wait"), "1"
)


@pytest.mark.parametrize(("command", "flags", "name", "value", "variable"), CASES)
def test_twins(command: str, flags: list[str], name: str, value: object, variable: str) -> None:
    """A variable does what its flag does; the flag wins, and without both there is a default."""
    needed = NEEDED.get(command, [])
    if needed and needed[0] == flags[0]:
        needed = []
    bare, behind = [command, "db.shop", *needed], BEHIND.get(command, [])
    given = getattr(parse([*bare, *flags, *behind], {}), name)
    assert given == value
    text = VALUE.get(name, flags[-1])
    twin = {f"HEADLESS_DISCOVERY_{variable}": text}
    assert getattr(parse([*bare, *behind], twin), name) == value
    if needed or command not in NEEDED:
        assert getattr(parse([*bare, *behind], {}), name) != value
    spoiled = {f"HEADLESS_DISCOVERY_{variable}": "no such thing"}
    assert getattr(parse([*bare, *flags, *behind], spoiled), name) == value


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("watch", "DURATION"), ("watch", "LOOK_TIMEOUT"), ("wait", "HINT"), ("wait", "STABLE"),
        ("wait", "TIMEOUT"), ("wait", "TCP_PORT"), ("wait", "FOR"), ("write", "ONCE"),
        ("write", "EXPECTED"), ("write", "OUTPUT"), ("watch", "OUTPUT"), ("timeline", "OUTPUT"),
        ("connect", "TO"), ("connect", "TLS"), ("connect", "TLS_NAME"), ("connect", "OUTPUT"),
        ("exec", "TO"), ("exec", "WAIT"), ("exec", "ATTEMPT_TIMEOUT"), ("exec", "CHECK"),
    ],
)  # fmt: skip
def test_variables_that_cannot_be_used(command: str, variable: str) -> None:
    """They are named, as they were set."""
    name = f"HEADLESS_DISCOVERY_{variable}"
    needed = [] if variable == "FOR" else NEEDED.get(command, [])
    with pytest.raises(ConfigError) as caught:
        parse([command, "db.shop", *needed, *BEHIND.get(command, [])], {name: "no such thing"})
    assert caught.value.setting == name


def test_defaults() -> None:
    """Those that the help and the reference tell."""
    waiting = parse(["wait", "db", "--for", "listed"], {})
    assert (waiting.look_timeout, waiting.timeout, waiting.stable) == (5.0, 60.0, 0.0)
    assert (waiting.interval, waiting.hint, waiting.tcp_port) == (None, None, None)
    writing = parse(["write", "db", "--to", "x"], {})
    assert (writing.output, writing.once, writing.expected) == ("name", False, None)
    assert (writing.look_timeout, writing.timeout) == (5.0, 60.0)
    assert parse(["timeline", "x"], {}).output == "text"
    checking = parse(["connect", "db"], {})
    assert (checking.look_timeout, checking.timeout, checking.attempt_timeout) == (5.0, 10.0, 1.0)
    assert (checking.pod, checking.all, checking.tls, checking.wait) == (None, False, False, False)
    assert (checking.output, checking.ca_file, checking.tls_name) == ("table", None, "pod")
    becoming = parse(["exec", "db", "--", "sh"], {})
    assert (becoming.look_timeout, becoming.timeout, becoming.attempt_timeout) == (5.0, 60.0, 1.0)
    assert (becoming.pod, becoming.check, becoming.exclude_self) == (None, False, False)


def test_watch_prints_for_whom_it_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text on a terminal, JSON lines elsewhere, also where there is no stdout at all."""
    assert parse(["watch", "db"], {}).output == "jsonl"
    monkeypatch.setattr(sys, "stdout", None)
    assert parse(["watch", "db"], {}).output == "jsonl"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    assert parse(["watch", "db"], {}).output == "text"


def test_kubernetes_service_links_are_no_ports() -> None:
    """A Service named ``headless-discovery-tcp`` must not break the command."""
    linked = {"HEADLESS_DISCOVERY_TCP_PORT": "tcp://10.96.0.7:80"}
    assert parse(["wait", "db", "--for", "count=1"], linked).tcp_port is None


@pytest.mark.parametrize(
    ("given", "program"),
    [
        (["--for", "count=1"], []),
        (["--for", "count=1", "--", "a"], ["a"]),
        (["--for", "count=1", "--", "a", "--for", "--", "b"], ["a", "--for", "--", "b"]),
        (["--for", "count=1", "--", "--odd"], ["--odd"]),
    ],
)
def test_the_command_behind_the_dashes(given: list[str], program: list[str]) -> None:
    """All of it is taken as it is, whatever it looks like."""
    parsed = parse(["wait", "db", *given], {})
    assert (parsed.service, parsed.condition, parsed.program) == ("db", "count=1", program)


@pytest.mark.parametrize(
    "arguments",
    [
        ["wait", "db"],
        ["write", "db"],
        ["wait", "db", "--for", "count=1", "--for", "count=1"],
        ["wait", "db", "--for", "count=1", "--"],
        ["wait", "db", "--for", "count=1", "--", ""],
        ["wait", "db", "--for", "count=1", "sh"],
        ["wait", "db", "--for", "count=1", "--tcp-port", "0"],
        ["wait", "db", "--for", "count=1", "--tcp-port", "65536"],
        ["wait", "db", "--for", "count=1", "--stable", "-1"],
        ["write", "db", "--to", "x", "--expected", "0"],
        ["write", "db", "--to", "x", "-o", "csv"],
        ["write", "db", "--to", "x", "--", "sh"],
        ["watch", "db", "--timeout", "5s"],
        ["watch", "db", "-o", "json"],
        ["timeline"],
        ["timeline", "x", "-o", "png"],
        ["connect"],
        ["connect", "db", "--to", ""],
        ["connect", "db", "--to", "-1"],
        ["connect", "db", "--to", "0", "--all"],
        ["connect", "db", "--ca-file", "x"],
        ["connect", "db", "--no-tls", "--tls-name", "pod"],
        ["connect", "db", "--tls", "--tls-name", "none"],
        ["connect", "db", "-o", "csv"],
        ["connect", "db", "--interval", "1s"],
        ["connect", "db", "--", "sh"],
        ["exec", "db"],
        ["exec", "db", "--"],
        ["exec", "db", "--", ""],
        ["exec", "db", "sh"],
        ["exec", "db", "--all", "--", "sh"],
        ["exec", "db", "--to", "a_b.x_y", "--", "sh"],
        ["exec", "db", "--", "sh", "{pod}"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    """Exit 2 with the usage of the command it is about."""
    with (
        contextlib.redirect_stderr(io.StringIO()) as said,
        pytest.raises(SystemExit) as ended,
    ):
        parse(arguments, {})
    assert ended.value.code == 2
    assert said.getvalue().startswith(f"usage: headless-discovery {arguments[0]}")


def test_two_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither is dropped in silence: both are named."""
    with pytest.raises(SystemExit):
        parse(["wait", "db", "--for", "count=3", "--for", "listed"], {})
    told = "argument --for: it is given twice, as 'count=3' and 'listed'; once only"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "100000h"])
def test_durations_out_of_bounds(text: str) -> None:
    """The bounds are told, and how to write one."""
    told = "write 500ms, 5s, 2m, 1h or plain seconds, more than 0 up to 8760h"
    with pytest.raises(argparse.ArgumentTypeError, match=f"{text}' is no duration: {told}$"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0", 0),
        (" 12 ", 12),
        ("mysql-0", "mysql-0"),
        (" MySQL-0", "MySQL-0"),
        ("mysql-0.db.shop.svc.cluster.local.", "mysql-0.db.shop.svc.cluster.local."),
        ("10-244-0-7", "10-244-0-7"),
        ("10.244.0.7", "10.244.0.7"),
        ("fd00::7", "fd00::7"),
    ],
)
def test_pods(text: str, meant: int | str) -> None:
    """An ordinal, or a name as DNS may tell it; nameless pods go by their address."""
    assert pod(text) == meant


@pytest.mark.parametrize("text", ["", "-1", "99999999999", "g:1", "a b", "-a", "a..b", "ä", "a/b"])
def test_no_pods(text: str) -> None:
    """What no pod can be called is told at once, and how to say which."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"is no pod: write its ordinal \(0\), "):
        pod(text)


@pytest.mark.parametrize("variable", ["TLS", "HEADLESS"])
def test_flags_of_tls(variable: str) -> None:
    """They need --tls, or its variable."""
    given = ["connect", "db", "--ca-file", "x"]
    environ = {f"HEADLESS_DISCOVERY_{variable}": "1"}
    if variable == "TLS":
        assert parse(given, environ).tls is True
    else:
        with contextlib.redirect_stderr(io.StringIO()) as said, pytest.raises(SystemExit):
            parse(given, environ)
        assert "--ca-file says nothing without --tls" in said.getvalue()


def test_one_pod_or_all() -> None:
    """The flag that is given beats the other one's variable."""
    said = {"HEADLESS_DISCOVERY_TO": "1", "HEADLESS_DISCOVERY_ALL": "1"}
    every = parse(["connect", "db", "--all"], said)
    assert (every.all, every.pod) == (True, None)
    one = parse(["connect", "db", "--to", "0"], said)
    assert (one.all, one.pod) == (False, 0)


def test_numbers() -> None:
    """Counts and ports are plain digits; a delay may be 0."""
    assert (count("3"), tcp_port(" 443 "), delay("0"), delay("0s"), delay("2s")) == (
        3,
        443,
        0,
        0,
        2,
    )
    for text in ("", "+3", "3.0", "1_000", "0x1", "٣", "9" * 5000):
        with pytest.raises(argparse.ArgumentTypeError):
            count(text)
        with pytest.raises(argparse.ArgumentTypeError):
            tcp_port(text)
    with pytest.raises(argparse.ArgumentTypeError, match=r"no duration: .*, from 0 up to 8760h$"):
        delay("-1s")


# --- the documentation --------------------------------------------------------------------


def reference() -> str:
    """The page about the command."""
    return (REPOSITORY / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [*FOLLOWING, *CHOOSING, "timeline", "demo"])
def test_every_flag_is_in_its_section(command: str) -> None:
    """With its name; those of following in the section that they share, twins in the last."""
    page = reference()
    (own,) = re.findall(rf"^## `{command}.*?(?=^## )", page, re.MULTILINE | re.DOTALL)
    heading = "Going" if command in CHOOSING else "Following"
    (shared,) = re.findall(rf"^## {heading}.*?(?=^## )", page, re.MULTILINE | re.DOTALL)
    (listed,) = re.findall(r"^## `list .*?(?=^## )", page, re.MULTILINE | re.DOTALL)
    twins = page.partition("## Environment")[2]
    listed_twins = (REPOSITORY / "docs/howto/list-in-scripts.md").read_text(encoding="utf-8")
    flags = set()
    for action in build_parser()[1][command]._actions:
        flags |= {flag for flag in action.option_strings if flag.startswith("--")}
    for flag in flags - {"--help"}:
        assert re.search(rf"`[^`\n]*{flag}\b", own + shared + listed), flag
        if command != "demo":
            assert f"`{flag}`" in twins + listed_twins, flag


def test_commands_of_the_manifests() -> None:
    """What the pages let containers run is a command line that this program takes."""
    found = 0
    for page in (REPOSITORY / "docs").rglob("*.md"):
        for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for document in yaml.safe_load_all(text):
                template = document.get("spec", {}).get("template", {}).get("spec", {})
                for container in template.get("initContainers", []):
                    program, *arguments = container["command"]
                    assert program == "headless-discovery"
                    assert parse(arguments, {}).command == arguments[0]
                    found += 1
    assert found >= 2


def test_flags_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    """What is short for one flag today may be short for two tomorrow, in somebody's script."""
    with pytest.raises(SystemExit) as ended:
        parse(["list", "db.shop", "--name", "10.96.0.10"], {})
    assert ended.value.code == 2
    assert "--name" in capsys.readouterr().err
