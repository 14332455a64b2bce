"""What the command takes: flags, their environment twins, durations."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .. import __version__
from ..core.peerlist import FORMATS
from .environment import Twins

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["build_parser", "duration"]

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


def build_parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """The parser of all commands; defaults come from the environment."""
    parser = argparse.ArgumentParser(
        prog="headless-discovery",
        description="Find every pod behind a Kubernetes headless Service, with DNS alone.",
        epilog="'headless-discovery COMMAND --help' says more. Start with 'headless-discovery "
        "demo', which needs no cluster.",
    )
    parser.add_argument("--version", action="version", version=f"headless-discovery {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_list(commands, Twins(environ))
    _add_demo(commands)
    return parser


def _add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser], twins: Twins) -> None:
    parser = commands.add_parser(
        "list",
        help="look once and print every pod",
        description="Look once and print every pod behind a headless Service.",
        epilog=_LIST_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_service_arguments(parser, twins)
    parser.add_argument(
        "-o",
        "--output",
        choices=OUTPUTS,
        metavar="FORMAT",
        default=twins.choice("OUTPUT", OUTPUTS, "table"),
        help="table (default), wide, name, addresses, json, jsonl, csv, hosts or env",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        default=twins.truth("EXPLAIN"),
        help="tell on stderr each question, server, transport, rcode, size and time, and what "
        "was dropped",
    )


def add_service_arguments(parser: argparse.ArgumentParser, twins: Twins) -> None:
    """The arguments of every command that asks about a Service."""
    parser.add_argument(
        "service",
        metavar="SERVICE",
        help="my-database, my-database.shop or the full name, with or without the last dot",
    )
    whom = parser.add_argument_group("whom to ask about")
    whom.add_argument(
        "-n",
        "--namespace",
        metavar="NS",
        help="where the name has none; default: the pod's own",  # read by the library itself
    )
    whom.add_argument(
        "--port",
        metavar="NAME|N",
        default=twins.text("PORT"),
        help="a port's name asks for that port; a number replaces the one DNS gives",
    )
    whom.add_argument(
        "--protocol",
        metavar="PROTO",
        default=twins.text("PROTOCOL"),
        help="of a named port: tcp (default), udp or sctp",
    )
    whom.add_argument(
        "--statefulset",
        metavar="NAME",
        default=twins.text("STATEFULSET"),
        help="only its pods have ordinals",
    )
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
    parser.set_defaults(family=twins.value("FAMILY", _family, None))
    how.add_argument(
        "--tcp", action="store_true", default=twins.truth("TCP"), help="never ask by UDP"
    )
    how.add_argument(
        "--timeout",
        metavar="DURATION",
        type=duration,
        default=twins.value("TIMEOUT", duration, 5.0),
        help="when to give up: 500ms, 5s, 2m or seconds; default 5s",
    )
    how.add_argument(
        "--allow-network",
        metavar="CIDR",
        action="append",
        help="accept addresses of this network although no pod has such (127.0.0.0/8); repeatable",
    )


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
        default="1s",
        help="how long each step stands; default 1s",
    )


def _family(text: str) -> int | None:
    if text not in ("4", "6"):
        raise ValueError(f"{text[:40]!r} is neither 4 nor 6")
    return int(text)
