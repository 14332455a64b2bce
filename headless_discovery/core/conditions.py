"""Conditions: what somebody waits for, and when it has come.

In: complete answers and failures as they happen. Out: whether the condition holds, and in
words what is missing. Waiting judges what DNS said last, never the damped members: a pod
that is kept because one answer lacked it is not there to be counted on.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ConfigError, InvalidName
from .names import check_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .snapshot import Endpoint, Snapshot

__all__ = [
    "Condition",
    "OwnPod",
    "condition",
    "count_of",
    "is_listed",
    "parse_condition",
]

_MOST = 100_000
_NAMED_AT_MOST = 10


class OwnPod(NamedTuple):
    """Who this pod is, as far as it can know without asking."""

    name: str
    address: str | None


class Condition(NamedTuple):
    """What is waited for.

    Attributes:
        text: In words, as the command takes it: ``"count=3"``.
        missing: Tells what an answer lacks, in words; None where it lacks nothing.
    """

    text: str
    missing: Callable[[Snapshot], str | None]


def condition(
    *,
    own: Callable[[], OwnPod],
    count: int | None = None,
    ordinals: Iterable[int] | None = None,
    names: Iterable[str] | None = None,
    quorum: int | None = None,
    listed: bool = False,
    predicate: Callable[[Snapshot], object] | None = None,
) -> Condition:
    """The one condition that was given.

    Args:
        own: Tells who this pod is, for ``listed``.
        count: At least so many pods.
        ordinals: Pods with each of these numbers in their StatefulSet.
        names: Pods of each of these names (``mysql-0``, or the FQDN).
        quorum: More than half of so many pods.
        listed: This pod itself.
        predicate: Whatever it says of the last complete answer.

    Raises:
        ConfigError: None or several were given, or one that makes no sense.
    """
    given = {
        "count": count,
        "ordinals": ordinals,
        "names": names,
        "quorum": quorum,
        "listed": listed or None,
        "predicate": predicate,
    }
    chosen = [key for key, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise ConfigError(
            "condition",
            f"exactly one of {', '.join(given)} can be waited for, "
            f"and {' and '.join(chosen) or 'none'} {'were' if chosen else 'was'} given",
        )
    if count is not None:
        return _counted(f"count={count}", _pods("count", count))
    if quorum is not None:
        return _counted(f"quorum={quorum}", _pods("quorum", quorum) // 2 + 1)
    if isinstance(ordinals, (str, bytes)):
        raise ConfigError("ordinals", f"{ascii(ordinals)[:80]} is text: give numbers, as range(3)")
    if ordinals is not None:
        return _ordinals(_each("ordinals", ordinals))
    if names is not None:
        return _names(_each("names", (names,) if isinstance(names, str) else names))
    if predicate is not None:
        return _predicate(predicate)
    return _listed(own())


def parse_condition(text: str, own: Callable[[], OwnPod]) -> Condition:
    """The condition of a command line: ``count=3``, ``ordinals=0-2``, ``names=a,b``, ...

    Raises:
        ConfigError: It is none, or makes no sense.
    """
    key, equals, value = text.strip().partition("=")
    if key == "listed" and not equals:
        return condition(own=own, listed=True)
    if key == "count" and equals:
        return condition(own=own, count=_number(key, value))
    if key == "quorum" and equals:
        return condition(own=own, quorum=_number(key, value))
    if key == "ordinals" and equals:
        return condition(own=own, ordinals=_numbers(value))
    if key == "names" and equals:
        return condition(own=own, names=[each.strip() for each in value.split(",")])
    raise ConfigError(
        "condition",
        f"{ascii(text)[:80]} is none: count=3, ordinals=0-2, names=a,b, quorum=5 or listed",
    )


def count_of(snapshot: Snapshot) -> int:
    """How many pods: those with a name, and of nameless addresses the larger family.

    The two addresses of one pod can be told to be one pod's by a name only.
    """
    named = 0
    families = [0, 0]
    for endpoint in snapshot.endpoints:
        if endpoint.name is not None:
            named += 1
        else:
            families[":" in endpoint.address] += 1
    return named + max(families)


def is_listed(snapshot: Snapshot, own: OwnPod) -> bool:
    """Whether this pod is in an answer: by its name, its address where names are made of it."""
    return any(is_own(endpoint, own) for endpoint in snapshot.endpoints)


def is_own(endpoint: Endpoint, own: OwnPod) -> bool:
    """Whether an endpoint is this pod; names with an ordinal tell all by themselves."""
    if endpoint.name == own.name:
        return True
    return endpoint.ordinal is None and own.address in endpoint.addresses


def _counted(text: str, wanted: int) -> Condition:
    def missing(snapshot: Snapshot) -> str | None:
        found = count_of(snapshot)
        if found >= wanted:
            return None
        return f"{text}: {found} of {wanted} listed{_who(snapshot)}"

    return Condition(text, missing)


def _ordinals(wanted: tuple[object, ...]) -> Condition:
    numbers: set[int] = set()
    for each in wanted:
        if type(each) is not int or not 0 <= each < _MOST:
            raise ConfigError("ordinals", f"{ascii(each)[:80]} is no ordinal: 0 to {_MOST - 1}")
        numbers.add(each)
    in_order = sorted(numbers)
    text = "ordinals=" + ",".join(map(str, in_order[:_NAMED_AT_MOST]))
    text += ",..." if len(in_order) > _NAMED_AT_MOST else ""

    def missing(snapshot: Snapshot) -> str | None:
        found = {endpoint.ordinal for endpoint in snapshot.endpoints}
        lacking = [each for each in in_order if each not in found]
        if not lacking:
            return None
        return f"{text}: without {_some(map(str, lacking), len(lacking))}{_who(snapshot)}"

    return Condition(text, missing)


def _names(wanted: tuple[object, ...]) -> Condition:
    names = []
    for each in wanted:
        if not isinstance(each, str):
            raise ConfigError("names", f"{ascii(each)[:80]} is no pod's name")
        plain = each.lower().removesuffix(".")
        try:
            for label in plain.split("."):
                check_label(label, "pod name")
        except InvalidName as error:
            raise ConfigError("names", str(error)) from None
        names.append(plain)
    names = list(dict.fromkeys(names))
    text = "names=" + _some(names, len(names), ",")

    def missing(snapshot: Snapshot) -> str | None:
        found = {endpoint.name for endpoint in snapshot.endpoints}
        found |= {endpoint.hostname for endpoint in snapshot.endpoints}
        lacking = [each for each in names if each not in found]
        if not lacking:
            return None
        return f"{text}: without {_some(lacking, len(lacking))}{_who(snapshot)}"

    return Condition(text, missing)


def _listed(own: OwnPod) -> Condition:
    def missing(snapshot: Snapshot) -> str | None:
        if is_listed(snapshot, own):
            return None
        address = "" if own.address is None else f" at {own.address}"
        return f"listed: this pod ({own.name}{address}) is not{_who(snapshot)}"

    return Condition("listed", missing)


def _predicate(predicate: Callable[[Snapshot], object]) -> Condition:
    if not callable(predicate):
        raise ConfigError("predicate", f"{ascii(predicate)[:80]} cannot be called")
    name = getattr(predicate, "__name__", "predicate")

    def missing(snapshot: Snapshot) -> str | None:
        return None if predicate(snapshot) else f"{name}: not yet{_who(snapshot)}"

    return Condition(name, missing)


def _who(snapshot: Snapshot) -> str:
    """Who is there, in words."""
    if not snapshot.endpoints:
        return f" (nobody: {snapshot.outcome})"
    names = [each.name or each.address for each in snapshot.endpoints[:_NAMED_AT_MOST]]
    return f" ({_some(names, len(snapshot.endpoints))})"


def _some(texts: Iterable[str], number: int, between: str = ", ") -> str:
    """The first few of many."""
    first = list(texts)[:_NAMED_AT_MOST]
    more = number - len(first)
    return between.join(first) + (f" and {more} more" if more else "")


def _each(field: str, values: Iterable[object]) -> tuple[object, ...]:
    try:
        several = tuple(islice(values, _MOST + 1))
    except TypeError:
        raise ConfigError(field, f"{ascii(values)[:80]} is not several, as [0, 1] is") from None
    if not several:
        raise ConfigError(field, "none is given: that would be over at once")
    if len(several) > _MOST:
        raise ConfigError(field, f"more than {_MOST} of them are more than any Service has")
    return several


def _pods(field: str, value: object) -> int:
    if type(value) is not int or not 1 <= value <= _MOST:
        raise ConfigError(
            field, f"{ascii(value)[:80]} is no number of pods to wait for: 1 to {_MOST}"
        )
    return value


def _number(field: str, text: str) -> int:
    digits = text.strip()
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 6 else -1
    if field == "ordinals" and not 0 <= number < _MOST:
        raise ConfigError(field, f"{ascii(text)[:80]} is no number of a pod: 0 to {_MOST - 1}")
    return number if field == "ordinals" else _pods(field, text if number < 0 else number)


def _numbers(text: str) -> list[int]:
    """``0-2,5`` as 0, 1, 2, 5."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _number("ordinals", first)
        end = _number("ordinals", last) if dash else begin
        if end < begin:
            raise ConfigError("ordinals", f"{part.strip()!a} runs backwards")
        found += range(begin, end + 1)
        if len(found) > _MOST:
            break  # refused for its length, and no longer than that
    return found
