"""The arguments that several commands share, and how a flag that is not given is filled.

In: a parser to add to; texts from flags and variables. Out: seconds, counts and ports. A
flag that was not given holds None until `fill` asks its environment twin.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..core.durations import LONGEST, parse_duration
from ..core.names import check_domain, is_pod_label
from ..errors import ConfigError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .environment import Twins

__all__ = [
    "TLS_NAMES",
    "Once",
    "add_choice_arguments",
    "add_following_arguments",
    "add_limit_argument",
    "add_output_argument",
    "add_service_arguments",
    "condition",
    "count",
    "delay",
    "duration",
    "fill",
    "pod",
    "tcp_port",
]

TLS_NAMES = ("pod", "service")


class Once(argparse.Action):
    """Stores a value; a second one is refused, for the first would not count."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - as argparse calls it
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """Store it.

        Raises:
            argparse.ArgumentError: It is there already.
        """
        before = getattr(namespace, self.dest)
        if before is not None:
            raise argparse.ArgumentError(
                self, f"it is given twice, as {before[:40]!r} and {str(values)[:40]!r}; once only"
            )
        setattr(namespace, self.dest, values)


def duration(text: str) -> float:
    """``500ms``, ``5s``, ``2m``, ``1h`` or plain seconds, as seconds.

    Raises:
        argparse.ArgumentTypeError: Anything else, or nothing above 0.
    """
    seconds = parse_duration(text)
    if not seconds:
        raise argparse.ArgumentTypeError(_no_duration(text, "more than 0"))
    return seconds


def delay(text: str) -> float:
    """As `duration`, and 0 is allowed.

    Raises:
        argparse.ArgumentTypeError: Anything else.
    """
    seconds = parse_duration(text)
    if seconds is None:
        raise argparse.ArgumentTypeError(_no_duration(text, "from 0"))
    return seconds


def _no_duration(text: str, least: str) -> str:
    return (
        f"{text[:40]!r} is no duration: write 500ms, 5s, 2m, 1h or plain seconds, "
        f"{least} up to {LONGEST // 3600}h"
    )


def condition(text: str) -> str:
    """What ``wait --for`` takes; it is checked here and stays text.

    Raises:
        argparse.ArgumentTypeError: No condition, or one that makes no sense.
    """
    from ..core.conditions import OwnPod, parse_condition  # noqa: PLC0415 - only wait needs it

    try:
        parse_condition(text, lambda: OwnPod("", None))
    except ConfigError as error:
        reason = error.reason
        if error.setting == "condition":
            reason = "it is not count=3, ordinals=0-2, names=a,b, quorum=5 or listed"
        elif set(text.partition("=")[2].strip()) == {"0"}:  # count=0, quorum=0
            reason = "that many are always there: nothing to wait for"
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is no condition to wait for: {reason}"
        ) from None
    return text


def count(text: str) -> int:
    """A whole number from 1.

    Raises:
        argparse.ArgumentTypeError: Anything else.
    """
    number = _digits(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number from 1")
    return number


def tcp_port(text: str) -> int:
    """A port's number.

    Raises:
        argparse.ArgumentTypeError: Anything else.
    """
    number = _digits(text)
    if not 0 < number <= 65535:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no port: 1 to 65535")
    return number


def pod(text: str) -> int | str:
    """Which pod: an ordinal, a pod's name or FQDN; the address of one without a name.

    Raises:
        argparse.ArgumentTypeError: None of these.
    """
    ordinal = _digits(text)
    if ordinal >= 0:
        return ordinal
    name = text.strip().lower()
    if ":" not in name:
        label, _, domain = name.removesuffix(".").partition(".")
        if is_pod_label(label) and _is_domain(domain) and (domain or not label.isdigit()):
            return text.strip()
    elif set(name) <= set("0123456789abcdef:."):
        return name
    raise argparse.ArgumentTypeError(
        f"{text[:80]!a} is no pod: write its ordinal (0), its name (mysql-0) or its hostname"
    )


def _is_domain(text: str) -> bool:
    try:
        return not text or bool(check_domain(text))
    except InvalidName:
        return False


def _tls_name(text: str) -> str:
    if text not in TLS_NAMES:
        raise ValueError(f"{text[:40]!r} is none of {', '.join(TLS_NAMES)}")
    return text


def _digits(text: str) -> int:
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else -1


def _family(text: str) -> int:
    if text not in ("4", "6"):
        raise ValueError(f"{text[:40]!r} is neither 4 nor 6")
    return int(text)


# What a flag's twin is called is the flag's name; here is how its text is read. The twins
# of --namespace, --cluster-domain, --nameserver, --allow-network and --interval are read by
# the library itself; --port, --protocol and --output have rules of their own.
_READERS: dict[str, Callable[[str], Any]] = {
    "attempt_timeout": duration,
    "ca_file": str,
    "condition": condition,
    "duration": duration,
    "expected": count,
    "family": _family,
    "hint": duration,
    "look_timeout": duration,
    "pod": pod,
    "record": str,
    "stable": delay,
    "statefulset": str,
    "tcp_port": tcp_port,
    "timeout": duration,
    "tls_name": _tls_name,
    "to": str,
}
_SWITCHES = ("all", "check", "exclude_self", "explain", "once", "tcp", "tls", "wait")
_NAMES = {"condition": "FOR", "pod": "TO"}


def fill(
    parsed: argparse.Namespace,
    twins: Twins,
    outputs: tuple[str, ...],
    defaults: Mapping[str, Any],
) -> None:
    """Take what no flag said from the flag's environment twin, else its default.

    Args:
        parsed: What the command line said; changed in place.
        twins: The environment.
        outputs: The formats that ``--output`` has in this command.
        defaults: By the attribute's name; what is not there defaults to None, or to no.

    Raises:
        ConfigError: A variable that is needed and cannot be used.
    """
    if "port" in parsed:
        if parsed.port is None:
            parsed.port = twins.text("PORT")
        if parsed.protocol is None and parsed.port and not parsed.port.isdigit():
            parsed.protocol = twins.text("PROTOCOL")
    for name, value in vars(parsed).items():
        if value is not None:
            continue
        if name in _READERS:
            variable = _NAMES.get(name, name.upper())
            found = twins.value(variable, _READERS[name], defaults.get(name))
            setattr(parsed, name, found)
        elif name in _SWITCHES:
            setattr(parsed, name, twins.truth(name.upper()))
        elif name == "output":
            parsed.output = twins.choice("OUTPUT", outputs, defaults["output"])


def add_service_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The arguments of every command that asks about a Service.

    Returns:
        The group of those that say how to ask, so that a command can add to it.
    """
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
        "--allow-network",
        metavar="CIDR",
        action="append",
        help="accept addresses of this network although no pod has such (127.0.0.0/8); repeatable",
    )
    return how


def add_following_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that looks again and again."""
    how = add_service_arguments(parser)
    _add_look_timeout(how)
    how.add_argument(
        "--interval",
        metavar="DURATION",
        type=duration,
        help="between two looks while nothing happens; default 5s",
    )
    how.add_argument(
        "--hint",
        metavar="DURATION",
        type=duration,
        help="between looks, ask this often whether anything changed in the whole cluster, and "
        "look at once when it did (CoreDNS); default: never",
    )


def add_choice_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that goes to one pod."""
    _add_look_timeout(add_service_arguments(parser))
    parser.add_argument(
        "--to",
        dest="pod",
        metavar="POD",
        type=pod,
        help="this pod only: its ordinal, its name or its hostname; default: any",
    )
    parser.add_argument(
        "--exclude-self",
        action=argparse.BooleanOptionalAction,
        help="any pod but this one itself",
    )
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        help="wait, while it is not listed, until it is; without --to: until any pod is",
    )
    parser.add_argument(
        "--attempt-timeout",
        metavar="DURATION",
        type=duration,
        help="how long one pod has to accept; default 1s",
    )


def _add_look_timeout(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--look-timeout",
        metavar="DURATION",
        type=duration,
        help="when to give up one look: 500ms, 5s, 2m, 1h or seconds; default 5s",
    )


def add_limit_argument(parser: argparse.ArgumentParser, meaning: str) -> None:
    """``--timeout`` of a command that waits."""
    parser.add_argument(
        "--timeout", metavar="DURATION", type=duration, help=f"{meaning}; default 60s"
    )


def add_output_argument(
    parser: argparse.ArgumentParser, choices: tuple[str, ...], meaning: str
) -> None:
    """``-o``, with its formats."""
    parser.add_argument("-o", "--output", choices=choices, metavar="FORMAT", help=meaning)
