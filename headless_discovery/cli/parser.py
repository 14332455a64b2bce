"""What each command takes, and how it explains itself."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..core.peerlist import FORMATS
from . import epilogs
from .arguments import (
    TLS_NAMES,
    Once,
    add_choice_arguments,
    add_following_arguments,
    add_limit_argument,
    add_output_argument,
    add_service_arguments,
    condition,
    count,
    delay,
    duration,
    fill,
    tcp_port,
)
from .environment import Twins
from .placeholders import find_fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - has no other name

__all__ = ["OUTPUTS", "build_parser", "parse"]

# The formats of each command; the first one is the default, but for watch in a pipe.
OUTPUTS: dict[str, tuple[str, ...]] = {
    "list": ("table", "wide", *FORMATS),
    "watch": ("text", "jsonl"),
    "write": ("name", "addresses", "json", "hosts", "env"),
    "connect": ("table", "json"),
    "timeline": ("text", "svg"),
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "list": {"timeout": 5.0},
    "watch": {"look_timeout": 5.0},
    "wait": {"look_timeout": 5.0, "timeout": 60.0, "stable": 0.0},
    "write": {"look_timeout": 5.0, "timeout": 60.0},
    "connect": {
        "look_timeout": 5.0,
        "timeout": 10.0,
        "attempt_timeout": 1.0,
        "tls_name": "pod",
    },
    "exec": {"look_timeout": 5.0, "timeout": 60.0, "attempt_timeout": 1.0},
}
_PROGRAM = ("wait", "exec")  # behind -- stands a command
_NEEDED = {"wait": ("condition", "--for"), "write": ("to", "--to")}


def parse(arguments: Sequence[str] | None, environ: Mapping[str, str]) -> argparse.Namespace:
    """Parse a command line; what it leaves open is taken from the environment.

    Raises:
        ConfigError: A variable that is needed and cannot be used.
        SystemExit: Help, version or wrong usage, as argparse does.
    """
    parser, commands = build_parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    program: list[str] | None = None
    if given and given[0] in _PROGRAM and "--" in given:
        # Not argparse's business: what stands behind it has flags of its own.
        split = given.index("--")
        given, program = given[:split], given[split + 1 :]
    parsed, unknown = parser.parse_known_args(given)
    own = commands[parsed.command]
    if unknown:
        hint = "" if parsed.command not in _PROGRAM else "; a command stands behind --"
        own.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    if parsed.command in _PROGRAM:
        if program is not None and not "".join(program[:1]):
            own.error("behind -- a command is expected")
        parsed.program = program or []
        for argument in parsed.program[1:] if parsed.command == "exec" else ():
            if fault := find_fault(argument):
                own.error(f"{argument[:80]!a}: {fault}")
    if parsed.command == "exec" and not parsed.program:
        own.error("the command that it becomes is missing: -- CMD [ARG ...]")
    twins = Twins(environ)
    if parsed.command == "connect":
        _settle_connect(parsed, own, twins)
    if parsed.command in _DEFAULTS or parsed.command in OUTPUTS:
        outputs = OUTPUTS.get(parsed.command, ())
        defaults = {"output": _output(parsed.command, outputs), **_DEFAULTS.get(parsed.command, {})}
        fill(parsed, twins, outputs, defaults)
    if parsed.command in _NEEDED:
        name, flag = _NEEDED[parsed.command]
        if getattr(parsed, name) is None:
            own.error(f"the following arguments are required: {flag}")
    if parsed.command == "connect" and parsed.all:
        parsed.pod = None  # a variable may have said one
    return parsed


def _settle_connect(parsed: argparse.Namespace, own: argparse.ArgumentParser, twins: Twins) -> None:
    """Refuse flags that contradict each other; what one says beats another's variable."""
    if parsed.pod is not None:
        if parsed.all:
            own.error("--all is to every pod, --to to one")
        parsed.all = False
    for flag, value in (("--ca-file", parsed.ca_file), ("--tls-name", parsed.tls_name)):
        if value is not None and not (parsed.tls or (parsed.tls is None and twins.truth("TLS"))):
            own.error(f"{flag} says nothing without --tls")


def build_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser, and those of its commands by name."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False,  # a flag that comes later would change the meaning of a script
        prog="headless-discovery",
        description="Find every pod behind a Kubernetes headless Service, with DNS alone.",
        epilog="'headless-discovery COMMAND --help' says more. Start with 'headless-discovery "
        "demo', which needs no cluster.",
    )
    parser.add_argument("--version", action="version", version=f"headless-discovery {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    return parser, {
        "list": _add_list(commands),
        "watch": _add_watch(commands),
        "wait": _add_wait(commands),
        "write": _add_write(commands),
        "connect": _add_connect(commands),
        "exec": _add_exec(commands),
        "timeline": _add_timeline(commands),
        "demo": _add_demo(commands),
    }


def _output(command: str, outputs: tuple[str, ...]) -> str | None:
    """The format where nobody says one."""
    if command == "watch" and not (sys.stdout is not None and sys.stdout.isatty()):
        return "jsonl"
    return outputs[0] if outputs else None


def _command(
    commands: Commands,
    name: str,
    *,
    summary: str,
    description: str,
    epilog: str | None = None,
    usage: str | None = None,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        allow_abbrev=False,
        help=summary,
        description=description,
        epilog=epilog,
        usage=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter
        if epilog is not None
        else argparse.HelpFormatter,
    )


def _add_list(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "list",
        summary="look once and print every pod",
        description="Look once and print every pod behind a headless Service.",
        epilog=epilogs.LIST,
    )
    how = add_service_arguments(parser)
    how.add_argument(
        "--timeout",
        metavar="DURATION",
        type=duration,
        help="when to give up: 500ms, 5s, 2m, 1h or seconds; default 5s",
    )
    add_output_argument(
        parser,
        OUTPUTS["list"],
        "table (default), wide, name, addresses, json, jsonl, csv, hosts or env",
    )
    parser.add_argument(
        "--explain",
        action=argparse.BooleanOptionalAction,
        help="tell on stderr each question, server, transport, rcode, size and time, and what "
        "was dropped",
    )
    return parser


def _add_watch(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "watch",
        summary="follow a Service and print every change",
        description="Follow the pods behind a headless Service and print every change.",
        epilog=epilogs.WATCH,
    )
    add_following_arguments(parser)
    add_output_argument(
        parser,
        OUTPUTS["watch"],
        "text (default on a terminal): a line an event; jsonl (default elsewhere): an object a "
        "change",
    )
    parser.add_argument(
        "--duration", metavar="DURATION", type=duration, help="end after it; default: never"
    )
    parser.add_argument(
        "--record", metavar="FILE", help="write every look and change to it, for 'timeline'"
    )
    return parser


def _add_wait(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "wait",
        summary="wait until the pods are there, then end or run a command",
        description="Wait until a condition holds for the pods behind a headless Service; then "
        "end, or\nbecome the command behind --.",
        epilog=epilogs.WAIT,
        usage="%(prog)s SERVICE --for CONDITION [OPTION ...] [-- CMD [ARG ...]]",
    )
    add_following_arguments(parser)
    parser.add_argument(
        "--for",
        dest="condition",
        action=Once,
        metavar="CONDITION",
        type=condition,
        help="count=N, quorum=N, ordinals=A-B, names=a,b or listed",
    )
    parser.add_argument(
        "--stable",
        metavar="DURATION",
        type=delay,
        help="the condition must hold, nothing changing, for this long; default 0s",
    )
    add_limit_argument(parser, "when to give up: 30s, 2m, 1h or seconds")
    parser.add_argument(
        "--tcp-port",
        metavar="N",
        type=tcp_port,
        help="a pod counts only once it accepts a TCP connection at this port",
    )
    return parser


def _add_write(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "write",
        summary="keep a file with the pods up to date",
        description="Keep a file that holds the pods behind a headless Service. It is always "
        "whole: a\nreader sees the old content or the new one.",
        epilog=epilogs.WRITE,
    )
    add_following_arguments(parser)
    parser.add_argument("--to", metavar="FILE", help="the file; its folder must be there")
    add_output_argument(
        parser, OUTPUTS["write"], "name (default), addresses, json, hosts or env, as in 'list'"
    )
    parser.add_argument(
        "--once",
        action=argparse.BooleanOptionalAction,
        help="write once and end, instead of following",
    )
    parser.add_argument(
        "--expected",
        metavar="N",
        type=count,
        help="do not begin to write before this many pods are there; default 1",
    )
    add_limit_argument(parser, "with --once or --expected: when to give up the first write")
    return parser


def _add_connect(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "connect",
        summary="check that a pod accepts a connection",
        description="Connect to a pod behind a headless Service and close at once: which pod it "
        "was, at\nwhich address, how long it took and, with --tls, whether its name is verified.",
        epilog=epilogs.CONNECT,
        usage="%(prog)s SERVICE [--to POD | --all] [--tls] [OPTION ...]",
    )
    add_choice_arguments(parser)
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=duration,
        help="when to give up, all pods, looks and waiting included; default 10s",
    )
    parser.add_argument(
        "--all", action=argparse.BooleanOptionalAction, help="to every pod, each on its own"
    )
    tls = parser.add_argument_group("TLS")
    tls.add_argument(
        "--tls",
        action=argparse.BooleanOptionalAction,
        help="dial the address, verify the pod's hostname",
    )
    tls.add_argument(
        "--ca-file", metavar="FILE", help="whom to trust, PEM; default: the system's authorities"
    )
    tls.add_argument(
        "--tls-name",
        choices=TLS_NAMES,
        metavar="pod|service",
        help="verify the pod's hostname (default) or the Service's full name",
    )
    add_output_argument(parser, OUTPUTS["connect"], "table (default) or json")
    return parser


def _add_exec(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "exec",
        summary="become a command that is told which pod",
        description="Find a pod behind a headless Service and become the command behind --, in "
        "whose\narguments placeholders stand for that pod. It is not dialled, but with --check.",
        epilog=epilogs.EXEC,
        usage="%(prog)s SERVICE [--to POD] [OPTION ...] -- CMD [ARG ...]",
    )
    add_choice_arguments(parser)
    parser.add_argument(
        "--check",
        action=argparse.BooleanOptionalAction,
        help="take a pod that accepts a TCP connection; it is closed before the command runs",
    )
    add_limit_argument(parser, "with --wait or --check: when to give up")
    return parser


def _add_timeline(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "timeline",
        summary="draw what 'watch --record' recorded",
        description="Draw a recording of 'watch --record': who was there, and when.",
        epilog=epilogs.TIMELINE,
    )
    parser.add_argument("file", metavar="FILE", help="a recording")
    add_output_argument(parser, OUTPUTS["timeline"], "text (default) or svg, on stdout")
    return parser


def _add_demo(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "demo",
        summary="see it work without a cluster",
        description="Start a cluster DNS inside this process and follow a StatefulSet in it "
        "that scales and restarts, while DNS fails and a pod goes for good. Takes fifteen seconds.",
    )
    parser.add_argument(
        "--pause",
        metavar="DURATION",
        type=duration,
        default="800ms",
        help="how long each step stands; default 800ms",
    )
    parser.add_argument(
        "--record", metavar="FILE", help="write the recording that it ends with to this file too"
    )
    return parser
