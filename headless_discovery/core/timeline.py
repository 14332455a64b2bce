"""Timelines: a recording of a followed Service, read back as who was a member, and when.

In: the lines of a file that anybody may have written. Out: a `Timeline`, or the line that
is at fault. Nothing is taken on trust: times that go backwards stand still, types are
checked, texts are made printable.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigError
from .peerlist import SCHEMA
from .times import seconds_of
from .values import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["LONGEST_LINE", "Outage", "Row", "Stay", "Timeline", "read_recording", "unbroken"]

LONGEST_LINE = 1 << 24  # bytes; a change of 4,096 endpoints has some 2 MB
_LONGEST_TEXT = 260
_MOST_KINDS = 8  # of failures in one outage; there are no more
_YEAR_3000 = 32503680000.0
_OUTCOMES = ("OK", "EMPTY", "ABSENT", "PARTIAL", "FAILED", "NOT_HEADLESS")
_COMPLETE = ("OK", "EMPTY", "ABSENT")


class Stay(NamedTuple):
    """A time in which one pod was a member without a break, at the same addresses.

    ``moved_from``: the addresses that these took the place of; empty where there were none.
    """

    begin: float
    end: float
    addresses: tuple[str, ...]
    moved_from: tuple[str, ...]


class Row(NamedTuple):
    """One pod: its name (its address where it has none), and when it was a member."""

    name: str
    ordinal: int | None
    stays: tuple[Stay, ...]


class Outage(NamedTuple):
    """A time in which no look was complete; ``kinds`` are its failures, in order, at most 8."""

    begin: float
    end: float
    looks: int
    kinds: tuple[str, ...]


class Timeline(NamedTuple):
    """A recording. Times are seconds since 1970.

    Attributes:
        service: The Service's FQDN.
        begin: When it begins.
        end: When it ends; never before ``begin``.
        rows: One for each pod that ever was a member, by ordinal, then as they came.
        outages: When DNS failed.
        looks: ``(time, complete)`` of each look.
        changes: How many changes were published.
        remarks: What a reader should know of the recording, in words.
    """

    service: str
    begin: float
    end: float
    rows: tuple[Row, ...]
    outages: tuple[Outage, ...]
    looks: tuple[tuple[float, bool], ...]
    changes: int
    remarks: tuple[str, ...]


def read_recording(lines: Iterable[bytes], source: str) -> Timeline:
    """Read a recording.

    Args:
        lines: Its lines with their newlines; one cut off at `LONGEST_LINE` is refused.
        source: What the file is called, for errors.

    Raises:
        ConfigError: It is none, or is damaged; ``setting`` is ``source:line``.
    """
    reader = _Reader()
    for number, line in enumerate(lines, start=1):
        try:
            record = _parsed(line)
            if record is None:
                reader.remarks.append("the last line is cut short and was left out")
            else:
                reader.take(record)
        except ValueError as error:
            raise ConfigError(f"{source}:{number}", str(error)) from None
    if not reader.begun:
        raise ConfigError(source, "it is empty, and no recording of 'watch --record'")
    return reader.timeline()


def _parsed(line: bytes) -> dict[str, Any] | None:
    """One line as an object; None for a last line that was cut short."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"the line is longer than {LONGEST_LINE} bytes")
    try:
        record = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        if not line.endswith(b"\n"):
            return None
        raise ValueError("it is no JSON") from None
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - one kind for what is read
    return record


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def unbroken(row: Row) -> Iterator[tuple[float, float]]:
    """When the pod was a member, whatever its addresses: ``(begin, end)``, with gaps between."""
    stays = iter(row.stays)
    begin, end, *_ = next(stays)
    for stay in stays:
        if stay.begin > end:
            yield begin, end
            begin = stay.begin
        end = stay.end
    yield begin, end


class _Pod:
    """A row as it grows."""

    def __init__(self, name: str, ordinal: int | None, born: int) -> None:
        self.name = name
        self.ordinal = ordinal
        self.born = born
        self.stays: list[Stay] = []
        self.since: float | None = None
        self.addresses: tuple[str, ...] = ()
        self.moved_from: tuple[str, ...] = ()

    def seen(self, now: float, addresses: tuple[str, ...]) -> None:
        """It is a member, at these addresses."""
        if self.since is not None and addresses == self.addresses:
            return
        self.gone(now)
        self.moved_from = self.addresses if self.addresses != addresses else ()
        self.addresses = addresses
        self.since = now

    def gone(self, now: float) -> None:
        """It is a member no more, or here no more."""
        if self.since is not None:
            self.stays.append(Stay(self.since, now, self.addresses, self.moved_from))
            self.since = None

    def order(self) -> tuple[bool, int, int]:
        """By ordinal; those without one as they came."""
        return self.ordinal is None, self.ordinal or 0, self.born


class _Reader:
    """Takes one record after another."""

    def __init__(self) -> None:
        self.begun = False
        self.remarks: list[str] = []
        self._ended = False
        self._service = ""
        self._begin = self._now = 0.0
        self._back = 0
        self._pods: dict[str, _Pod] = {}
        self._members: dict[str, _Pod] = {}
        self._looks: list[tuple[float, bool]] = []
        self._outages: list[Outage] = []
        self._changes = 0

    def take(self, record: dict[str, Any]) -> None:
        """One record.

        Raises:
            ValueError: It cannot be one; says why.
        """
        if type(record.get("schema", SCHEMA)) is not int or record.get("schema", 1) != SCHEMA:
            raise ValueError("its schema is one that this version does not know")
        kind = record.get("record")
        if not self.begun:
            if kind != "start":
                raise ValueError("a recording begins with a line of 'record': 'start'")
            self._start(record)
            return
        if self._ended or kind == "start":
            raise ValueError("a second recording begins here; one file holds one")
        self._advance(_time(record))
        if kind == "look":
            self._look(record)
        elif kind == "change":
            self._change(record)
        elif kind == "end":
            self._ended = True
        else:
            raise ValueError("'record' is none of look, change and end")

    def timeline(self) -> Timeline:
        """What was read."""
        for pod in self._members.values():
            pod.gone(self._now)
        remarks = list(self.remarks)
        if self._back:
            remarks.append(
                f"the clock of the recording was set back ({self._back} x); it stands still there"
            )
        if not self._ended:
            remarks.append("the recording has no end: it goes on, or its writer was killed")
        return Timeline(
            service=self._service,
            begin=self._begin,
            end=self._now,
            rows=tuple(
                Row(pod.name, pod.ordinal, tuple(pod.stays))
                for pod in sorted(self._pods.values(), key=_Pod.order)
            ),
            outages=tuple(self._outages),
            looks=tuple(self._looks),
            changes=self._changes,
            remarks=tuple(remarks),
        )

    def _start(self, record: dict[str, Any]) -> None:
        self._service = _text(record, "service")
        self._begin = self._now = _time(record)
        self.begun = True

    def _advance(self, time: float) -> None:
        self._back += time < self._now
        self._now = max(self._now, time)

    def _look(self, record: dict[str, Any]) -> None:
        outcome = record.get("outcome")
        if outcome not in _OUTCOMES:
            raise ValueError(f"'outcome' is none of {', '.join(_OUTCOMES)}")
        elapsed = record.get("elapsed")
        if not is_number(elapsed) or not 0 <= elapsed <= 86400:
            raise ValueError("'elapsed' is no number of seconds, 0 to 86400")
        complete = outcome in _COMPLETE
        failing = bool(self._looks) and not self._looks[-1][1]
        if failing:  # until this look ended nothing was known
            self._outages[-1] = self._outages[-1]._replace(end=self._now)
        if not complete:
            kind = str(outcome).lower().replace("_", " ")
            if record.get("kind") is not None:
                kind = _text(record, "kind")
            if not failing:
                before = self._looks[-1][0] if self._looks else self._begin
                begin = max(before, self._now - elapsed)
                self._outages.append(Outage(begin, self._now, 0, ()))
            last = self._outages[-1]
            kinds = dict.fromkeys((*last.kinds, kind))
            self._outages[-1] = last._replace(
                looks=last.looks + 1, kinds=tuple(kinds)[:_MOST_KINDS]
            )
        self._looks.append((self._now, complete))

    def _change(self, record: dict[str, Any]) -> None:
        endpoints = [_Endpoint.read(each) for each in _objects(record, "endpoints")]
        self._rename(record)
        now = {endpoint.name: endpoint for endpoint in endpoints}
        for name in [name for name in self._members if name not in now]:
            self._members.pop(name).gone(self._now)
        for name, endpoint in now.items():
            pod = self._pods.get(name)
            if pod is None:
                pod = self._pods[name] = _Pod(name, endpoint.ordinal, len(self._pods))
            self._members[name] = pod
            pod.seen(self._now, endpoint.addresses)
        self._changes += 1

    def _rename(self, record: dict[str, Any]) -> None:
        """Addresses that have got a name stay one row; nothing else of ``updated`` is needed."""
        for pair in _objects(record, "updated"):
            before, after = _Endpoint.read(pair.get("before")), _Endpoint.read(pair.get("after"))
            if after.name not in self._pods and before.name in self._members:
                pod = self._members.pop(before.name)
                del self._pods[before.name]
                pod.name, pod.ordinal = after.name, after.ordinal
                self._pods[after.name] = self._members[after.name] = pod


class _Endpoint(NamedTuple):
    """What a row needs of an endpoint."""

    name: str
    ordinal: int | None
    addresses: tuple[str, ...]

    @classmethod
    def read(cls, document: object) -> _Endpoint:
        """Read an endpoint as `peerlist` writes it.

        Raises:
            ValueError: It is none.
        """
        if not isinstance(document, dict):
            raise ValueError("an endpoint is no JSON object")  # noqa: TRY004 - as everything here
        addresses = document.get("addresses")
        if not isinstance(addresses, list) or not 0 < len(addresses) <= 1000:
            raise ValueError("'addresses' of an endpoint is no list with anything in it")
        texts = tuple(_checked(address, "an address of an endpoint") for address in addresses)
        ordinal = document.get("ordinal")
        if ordinal is not None and (type(ordinal) is not int or not 0 <= ordinal < 1 << 63):
            raise ValueError("'ordinal' of an endpoint is no whole number from 0")
        name = document.get("name")
        return cls(texts[0] if name is None else _checked(name, "'name'"), ordinal, texts)


def _objects(record: dict[str, Any], field: str) -> list[dict[str, Any]]:
    objects = record.get(field)
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        raise ValueError(f"'{field}' is no list of objects")
    return objects


def _time(record: dict[str, Any]) -> float:
    text = _text(record, "time")
    try:
        seconds = seconds_of(text)
    except ValueError as error:
        raise ValueError(f"'time': {error}") from None
    if not 0 <= seconds < _YEAR_3000:
        raise ValueError("'time' is before 1970 or after 2999")
    return seconds


def _text(record: dict[str, Any], field: str) -> str:
    return _checked(record.get(field), f"'{field}'")


def _checked(text: object, what: str) -> str:
    """A text that can be shown: what no terminal and no picture should get is written out.

    Raises:
        ValueError: It is no text, or too long for anything it could be.
    """
    if not isinstance(text, str) or not text:
        raise ValueError(f"{what} is no text")
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"{what} is longer than {_LONGEST_TEXT} characters")
    plain = text.isascii() and text.isprintable()
    return text if plain else text.encode("unicode_escape").decode("ascii")
