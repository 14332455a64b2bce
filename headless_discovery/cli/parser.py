"""What the command takes: flags, their environment twins, durations."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .. import __version__
from ..core.peerlist import FORMATS
from .environment import Twins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["add_service_arguments", "build_parser", "duration", "parse"]

OUTPUTS = ("table", "wide", *FORMATS)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

_LIST_EPILOG = """\
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

Each flag has an environment twin, HEADLESS_DISCOVERY_NAMESPACE for --namespace;
repeatable ones are plural and comma-separated (HEADLESS_DISCOVERY_NAMESERVERS).
"""


def duration(text: str) -> float:
    """``500ms``, ``5s``, ``2m``, ``1h`` or plain seconds, as seconds.

    Raises:
        argparse.ArgumentTypeError: Anything else, or nothing above 0.
    """
    number = text.strip().lower()
    factor = 1.0
    for unit in ("ms", "s", "m", "h"):
        if number.endswith(unit):
            number, factor = number.removesuffix(unit), _UNITS[unit]
            break
    try:
        seconds = float(number) * factor
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600 * 24 * 365:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is no duration: write 500ms, 5s, 2m or plain seconds"
        )
    return seconds


def parse(arguments: Sequence[str] | None, environ: Mapping[str, str]) -> argparse.Namespace:
    """Parse a command line; what it leaves open is taken from the environment.

    Raises:
        ConfigError: A variable that is needed and cannot be used.
        SystemExit: Help, version or wrong usage, as argparse does.
    """
    parser, commands = build_parser()
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        commands[parsed.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    if "service" in parsed:
        _fill(parsed, Twins(environ))
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
    return parser, {"list": _add_list(commands), "demo": _add_demo(commands)}


def _fill(parsed: argparse.Namespace, twins: Twins) -> None:
    """Take what no flag said from the flag's environment twin, else its default.

    The twins of --namespace, --cluster-domain, --nameserver and --allow-network are read by
    the library itself.
    """
    if parsed.port is None:
        parsed.port = twins.text("PORT")
    if parsed.protocol is None and parsed.port and not parsed.port.isdigit():
        parsed.protocol = twins.text("PROTOCOL")
    if parsed.statefulset is None:
        parsed.statefulset = twins.text("STATEFULSET")
    if parsed.family is None:
        parsed.family = twins.value("FAMILY", _family, None)
    if parsed.tcp is None:
        parsed.tcp = twins.truth("TCP")
    if parsed.timeout is None:
        parsed.timeout = twins.value("TIMEOUT", duration, 5.0)
    if parsed.output is None:
        parsed.output = twins.choice("OUTPUT", OUTPUTS, "table")
    if parsed.explain is None:
        parsed.explain = twins.truth("EXPLAIN")


def _add_list(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "list",
        help="look once and print every pod",
        description="Look once and print every pod behind a headless Service.",
        epilog=_LIST_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_service_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        choices=OUTPUTS,
        metavar="FORMAT",
        help="table (default), wide, name, addresses, json, jsonl, csv, hosts or env",
    )
    parser.add_argument(
        "--explain",
        action=argparse.BooleanOptionalAction,
        help="tell on stderr each question, server, transport, rcode, size and time, and what "
        "was dropped",
    )
    return parser


def add_service_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that asks about a Service."""
    parser.add_argument(
        "service",
        metavar="SERVICE",
        help="my-database, my-database.shop or the full name, with or without the last dot",
    )
    whom = parser.add_argument_group("whom to ask about")
    whom.add_argument(
        "-n", "--namespace", metavar="NS", help="where the name has none; default: the pod's own"
    )
    whom.add_argument(
        "--port",
        metavar="NAME|N",
        help="a port's name asks for that port; a number replaces the one DNS gives",
    )
    whom.add_argument(
        "--protocol", metavar="PROTO", help="of a named port: tcp (default), udp or sctp"
    )
    whom.add_argument("--statefulset", metavar="NAME", help="only its pods have ordinals")
    whom.add_argument("--cluster-domain", metavar="DOMAIN", help="default: resolv.conf's")
    how = parser.add_argument_group("how to ask")
    how.add_argument(
        "--nameserver",
        metavar="IP[:PORT]",
        action="append",
        help="ask this server; repeatable; default: resolv.conf's",
    )
    family = how.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=4, help="IPv4 only")
    family.add_argument("-6", dest="family", action="store_const", const=6, help="IPv6 only")
    how.add_argument("--tcp", action=argparse.BooleanOptionalAction, help="never ask by UDP")
    how.add_argument(
        "--timeout",
        metavar="DURATION",
        type=duration,
        help="when to give up: 500ms, 5s, 2m, 1h or seconds; default 5s",
    )
    how.add_argument(
        "--allow-network",
        metavar="CIDR",
        action="append",
        help="accept addresses of this network although no pod has such (127.0.0.0/8); repeatable",
    )


def _add_demo(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "demo",
        help="see it work without a cluster",
        description="Start a cluster DNS inside this process and show what the library does "
        "while a StatefulSet scales, a pod is replaced and DNS breaks. Takes ten seconds.",
    )
    parser.add_argument(
        "--pause",
        metavar="DURATION",
        type=duration,
        default="800ms",
        help="how long each step stands; default 800ms",
    )
    return parser


def _family(text: str) -> int | None:
    if text not in ("4", "6"):
        raise ValueError(f"{text[:40]!r} is neither 4 nor 6")
    return int(text)
