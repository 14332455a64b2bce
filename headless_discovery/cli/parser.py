"""What each command takes, and how it explains itself."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..core.peerlist import FORMATS
from .arguments import (
    Once,
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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - has no other name

__all__ = ["OUTPUTS", "build_parser", "parse"]

# The formats of each command; the first one is the default, but for watch in a pipe.
OUTPUTS: dict[str, tuple[str, ...]] = {
    "list": ("table", "wide", *FORMATS),
    "watch": ("text", "jsonl"),
    "write": ("name", "addresses", "json", "hosts", "env"),
    "timeline": ("text", "svg"),
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "list": {"timeout": 5.0},
    "watch": {"look_timeout": 5.0},
    "wait": {"look_timeout": 5.0, "timeout": 60.0, "stable": 0.0},
    "write": {"look_timeout": 5.0, "timeout": 60.0},
}
_NEEDED = {"wait": ("condition", "--for"), "write": ("to", "--to")}

_TWINS = """
Each flag has an environment twin, HEADLESS_DISCOVERY_NAMESPACE for --namespace;
repeatable ones are plural and comma-separated (HEADLESS_DISCOVERY_NAMESERVERS).
"""

_LIST_EPILOG = f"""\
examples:
  headless-discovery list my-database.shop
  headless-discovery list nginx-headless -n default --port web -o json
  headless-discovery list my-database.shop --nameserver 127.0.0.1:5353 --explain

exit codes:
  0  found
  1  none found: EMPTY (the name exists, no such record) or ABSENT (no such Service,
     or no ready pod, or no such port)
  2  wrong usage, a bad name, missing configuration
  3  DNS failed, or a part of the look did: nothing is known about who is there
  5  the Service is not headless
 70  a defect of this program   74  stdout cannot be written
130  SIGINT   141  whoever read stdout has left
{_TWINS}"""

_WATCH_EPILOG = f"""\
examples:
  headless-discovery watch my-database.shop
  headless-discovery watch my-database.shop -o jsonl --duration 30s
  headless-discovery watch my-database.shop --record monday.jsonl

exit codes:
  0  --duration has passed
  2  wrong usage, a bad name, missing configuration
  5  the Service is not headless
 70  a defect of this program   74  stdout or the recording cannot be written
130  SIGINT   141  whoever read stdout has left   143  SIGTERM
{_TWINS}"""

_WAIT_EPILOG = f"""\
conditions:
  count=3       at least 3 pods
  quorum=5      a majority of 5 pods: at least 3
  ordinals=0-2  the pods of a StatefulSet with these ordinals; also 0,2 and 0-2,5
  names=a,b     the pods of these names, or of these full hostnames
  listed        this pod itself

examples:
  headless-discovery wait my-database.shop --for count=3
  headless-discovery wait my-database.shop --for ordinals=0-2 --stable 5s --timeout 2m
  headless-discovery wait my-database.shop --for count=1 --tcp-port 3306 -- ./migrate.sh

exit codes:
  0  the condition holds; with a command: the command's own
  2  wrong usage, a condition that makes no sense, a bad name, missing configuration
  5  the Service is not headless
 70  a defect of this program
124  --timeout has passed
126  the command cannot be executed   127  the command is not found
130  SIGINT   143  SIGTERM
{_TWINS}"""

_WRITE_EPILOG = f"""\
examples:
  headless-discovery write my-database.shop --to /peers/peers.txt
  headless-discovery write my-database.shop --to peers.env -o env --once --expected 3

exit codes:
  0  written (--once)
  1  --once: --timeout has passed, and DNS says that nobody is there
  2  wrong usage, a bad name, missing configuration, a file that cannot be written
  3  --once: --timeout has passed, and DNS failed
  5  the Service is not headless
 70  a defect of this program   74  the first write failed (--once, --expected)
124  --timeout has passed, and fewer than --expected pods are there
130  SIGINT   143  SIGTERM
{_TWINS}"""

_TIMELINE_EPILOG = f"""\
examples:
  headless-discovery timeline monday.jsonl
  headless-discovery timeline monday.jsonl -o svg > monday.svg

exit codes:
  0  drawn
  2  wrong usage, no such file, no recording
 70  a defect of this program   74  stdout cannot be written
130  SIGINT   141  whoever read stdout has left
{_TWINS}"""


def parse(arguments: Sequence[str] | None, environ: Mapping[str, str]) -> argparse.Namespace:
    """Parse a command line; what it leaves open is taken from the environment.

    Raises:
        ConfigError: A variable that is needed and cannot be used.
        SystemExit: Help, version or wrong usage, as argparse does.
    """
    parser, commands = build_parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    program: list[str] | None = None
    if given[:1] == ["wait"] and "--" in given:
        # Not argparse's business: what stands behind it has flags of its own.
        split = given.index("--")
        given, program = given[:split], given[split + 1 :]
    parsed, unknown = parser.parse_known_args(given)
    own = commands[parsed.command]
    if unknown:
        own.error(f"unrecognized arguments: {' '.join(unknown)}")
    if parsed.command == "wait":
        if program is not None and not "".join(program[:1]):
            own.error("behind -- a command is expected")
        parsed.program = program or []
    if parsed.command in _DEFAULTS or parsed.command in OUTPUTS:
        outputs = OUTPUTS.get(parsed.command, ())
        defaults = {"output": _output(parsed.command, outputs), **_DEFAULTS.get(parsed.command, {})}
        fill(parsed, Twins(environ), outputs, defaults)
    if parsed.command in _NEEDED:
        name, flag = _NEEDED[parsed.command]
        if getattr(parsed, name) is None:
            own.error(f"the following arguments are required: {flag}")
    return parsed


def build_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser, and those of its commands by name."""
    parser = argparse.ArgumentParser(
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
        epilog=_LIST_EPILOG,
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
        epilog=_WATCH_EPILOG,
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
        epilog=_WAIT_EPILOG,
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
        epilog=_WRITE_EPILOG,
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


def _add_timeline(commands: Commands) -> argparse.ArgumentParser:
    parser = _command(
        commands,
        "timeline",
        summary="draw what 'watch --record' recorded",
        description="Draw a recording of 'watch --record': who was there, and when.",
        epilog=_TIMELINE_EPILOG,
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
