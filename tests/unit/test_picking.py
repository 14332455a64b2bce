"""Picking: the turns of one service object, from threads, signals' handlers and children."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections import Counter
from contextlib import contextmanager
from itertools import cycle
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import forking, picking
from headless_discovery.core import rotation
from headless_discovery.core.changes import key_of
from headless_discovery.core.conditions import OwnPod
from headless_discovery.core.connectpolicy import ConnectPolicy
from headless_discovery.core.dialling import Dialling
from headless_discovery.core.membership import Membership
from headless_discovery.errors import ConfigError, NoEndpoints
from headless_discovery.picking import Picker
from tests.unit.core.script import DEFAULT, pod, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from headless_discovery.core.snapshot import Endpoint, Snapshot

ALL = tuple(map(pod, range(5)))
FIVE = snapshot(*ALL)
FAST = ConnectPolicy(eject_after=1)
FORKS = """
import os, signal, threading
from headless_discovery.core.connectpolicy import ConnectPolicy
from headless_discovery.picking import Picker

picker = Picker(ConnectPolicy())

def generation(number):
    signal.alarm(10)
    picker.ejected()
    print(number, flush=True)
    code = 0
    if number < 2:
        thread = threading.Thread(target=picker._lock.acquire)
        thread.start()
        thread.join()
        child = os.fork()
        if not child:
            generation(number + 1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(abs(code))

generation(0)
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr(picking, "monotonic", lambda: now[0])
    return now


def now() -> float:
    """The time as the picker sees it."""
    seconds: float = vars(picking)["monotonic"]()
    return seconds


def membership(members: Snapshot | None = FIVE, observed: Snapshot | None = None) -> Membership:
    """What a follower knows; the last answer is the members where it is not given."""
    return Membership(DEFAULT, members, observed or members)


def call(to: Any = None, own: OwnPod | None = None, **policy: Any) -> Dialling:
    """A call of connect."""
    return Dialling(ConnectPolicy(**policy), to, own, 1000.0)


def pick(picker: Picker, members: Snapshot = FIVE, **keywords: Any) -> Endpoint:
    """Whom a new call dials first."""
    endpoint = picker.next(call(**keywords), members, members)
    assert endpoint is not None
    return endpoint


def fail(picker: Picker, endpoint: Endpoint) -> None:
    """It was dialled and refused."""
    picker.failed(call(), endpoint, OSError("refused"), now())


@pytest.mark.parametrize(("byte", "number"), [(b"\0", 0.0), (b"\x80", 0.5), (b"\xff", 1.0)])
def test_chance(byte: bytes, number: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's, so that a child's is its own: from 0 up to 1, which is never reached."""
    monkeypatch.setattr("os.urandom", lambda size: byte * size)
    chance = picking._random()
    assert chance == pytest.approx(number, abs=0.01)
    assert 0 <= chance < 1
    chances = Picker(ConnectPolicy())._selection._random
    assert chances is picking._random


class TestShortWay:
    """Where nothing else is wanted, and nothing is held against anybody."""

    def test_turns(self) -> None:
        """Everybody in turn, beginning anywhere, beside calls that go the long way."""
        picker = Picker(ConnectPolicy())
        state = membership()
        given = [picker.turn(state) if number % 3 else pick(picker) for number in range(5 * 20)]
        assert Counter(given) == dict.fromkeys(ALL, 20)

    @pytest.mark.parametrize(
        ("policy", "leads"),
        [
            ({}, True),
            ({"retries": 3}, True),
            ({"order": "random"}, False),
            ({"order": "ordinal"}, False),
            ({"order": sorted}, False),
            ({"exclude_self": True}, False),
        ],
    )
    def test_by_policy(self, policy: dict[str, Any], leads: bool) -> None:
        """Only round robin over all of them is that simple."""
        assert (Picker(ConnectPolicy(**policy)).turn(membership()) is not None) is leads

    @pytest.mark.parametrize("members", [None, snapshot()])
    def test_nobody(self, members: Snapshot | None) -> None:
        """The long way has the error."""
        assert Picker(ConnectPolicy()).turn(membership(members)) is None

    def test_somebody_is_missing(self) -> None:
        """They come after others, which is to be weighed."""
        picker = Picker(ConnectPolicy())
        assert picker.turn(membership(FIVE, snapshot(*ALL[1:]))) is None
        assert picker.turn(membership()) is not None

    def test_a_failure(self, clock: list[float]) -> None:
        """From then on it is weighed, until a dial worked."""
        picker = Picker(FAST)
        state = membership()
        assert picker.turn(state) is not None
        fail(picker, ALL[2])
        assert picker.turn(state) is None
        assert ALL[2] not in [pick(picker) for _ in range(8)]
        (told,) = picker.ejected()
        assert (told.endpoint, told.seconds, told.error) == (ALL[2], 30.0, "refused")
        clock[0] += 10
        assert picker.ejected()[0].seconds == 20.0
        picker.worked(ALL[2])
        assert picker.ejected() == ()
        assert picker.turn(state) is not None

    def test_the_members_changed(self) -> None:
        """Who went has no turn, who came has one; also after a call of the long way."""
        picker = Picker(ConnectPolicy())
        picker.turn(membership())
        four = snapshot(*ALL[1:])
        assert {picker.turn(membership(four)) for _ in range(8)} == set(ALL[1:])
        state = membership()
        picker.turn(state)
        pick(picker, four)
        assert {picker.turn(state) for _ in range(5)} == set(ALL)

    def test_the_same_members_seen_again(self) -> None:
        """A new answer of the same members begins nothing anew."""
        picker = Picker(ConnectPolicy())
        given = Counter(picker.turn(membership()) for _ in range(50))
        assert given == dict.fromkeys(ALL, 10)


class TestLongWay:
    """Calls that want something else."""

    def test_what_is_wanted(self) -> None:
        """``to``, ``order``, ``exclude_self``."""
        picker = Picker(ConnectPolicy())
        assert pick(picker, to=3) is ALL[3]
        assert pick(picker, order="ordinal") is ALL[0]
        own = OwnPod("db-0", None)
        assert {pick(picker, own=own, order="random") for _ in range(200)} == set(ALL[1:])

    def test_nobody_left(self) -> None:
        """None; the errors are those of the call."""
        picker = Picker(ConnectPolicy())
        wanted = call(to=1)
        assert picker.next(wanted, FIVE, FIVE) is ALL[1]
        assert picker.next(wanted, FIVE, FIVE) is None
        with pytest.raises(NoEndpoints):
            picker.next(call(), snapshot(), None)

    def test_what_was_not_dialled(self) -> None:
        """It takes no time of anybody, and is no failure."""
        picker = Picker(FAST)
        pick(picker)
        picker.failed(call(), ALL[0], ConfigError("port", "none"), now())
        assert picker.ejected() == ()

    def test_one_trial(self, clock: list[float]) -> None:
        """One of those who dial at once tries who was left out; who only asks does not."""
        picker = Picker(FAST)
        pick(picker)
        fail(picker, ALL[2])
        clock[0] += 30
        for _ in range(2):
            assert picker.next(call(to=2), FIVE, FIVE, is_dialled=False) is ALL[2]
        assert picker.ejected() == ()
        firsts = Counter(pick(picker) for _ in range(40))
        assert firsts[ALL[2]] == 1
        fail(picker, ALL[2])
        assert picker.ejected()[0].seconds == 60.0

    def test_the_callers_functions_are_free(self) -> None:
        """They run without the lock: they may ask the same object, from another thread even."""
        picker = Picker(ConnectPolicy())
        asked: list[object] = []

        def order(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
            thread = threading.Thread(target=lambda: asked.append(picker.turn(membership())))
            thread.start()
            thread.join(5)
            assert not thread.is_alive(), "it waits for the lock"
            return endpoints

        pick(picker, order=order)
        pick(picker, to=lambda _: order(ALL))
        assert len(asked) >= 2


class TestTogether:
    """Threads, and whatever interrupts them."""

    @pytest.mark.parametrize("is_short", [True, False])
    def test_threads(self, is_short: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """8 of them share the turns exactly, wherever another one goes on."""
        picker, state = Picker(ConnectPolicy()), membership()
        given: list[Counter[object]] = []

        def key(endpoint: Endpoint) -> str:
            sleep(0)  # the others' turn
            return key_of(endpoint)

        def take() -> None:
            turns = (
                picker.turn(state) if is_short else pick(picker, to=lambda _: True)
                for _ in range(50)
            )
            given.append(Counter(turns))

        monkeypatch.setattr(rotation, "key_of", key)

        threads = [threading.Thread(target=take) for _ in range(8)]
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for each in threads:
                each.start()
            for each in threads:
                each.join()
        finally:
            sys.setswitchinterval(before)
        assert sum(given, Counter()) == dict.fromkeys(ALL, 80)

    @pytest.mark.parametrize("is_plain", [True, False])
    @pytest.mark.parametrize("inner", [0, 1, 2, 3, 4])
    def test_a_signals_handler(self, inner: int, is_plain: bool) -> None:
        """It may call us between any two steps: it gets an answer, and nobody is lost."""
        picker, state = Picker(FAST), membership()
        four = snapshot(*ALL[:4])
        ends: Iterator[Callable[[], None]] = cycle(
            [lambda: fail(picker, ALL[3]), lambda: picker.worked(ALL[3])]
        )

        def end() -> None:
            next(ends)()

        pick(picker)
        if not is_plain:
            fail(picker, ALL[1])
        calls: list[Callable[[], object]] = [
            lambda: picker.turn(state),
            lambda: pick(picker),
            lambda: pick(picker, four),
            end,
            picker.ejected,
        ]
        with interrupted(calls[inner]) as count:
            for _ in range(2):
                for each in calls:
                    each()
                    picker.worked(ALL[3])
        assert count[0] > 500
        picker.worked(ALL[1])
        picker.worked(ALL[3])
        pick(picker, four)
        pick(picker)
        assert {picker.turn(state) for _ in range(5)} == set(ALL)


@contextmanager
def interrupted(handler: Callable[[], object]) -> Iterator[list[int]]:
    """Call it between any two instructions of ours, as a signal may come at any time."""
    count = [0]

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_globals["__name__"].startswith("headless_discovery."):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            count[0] += 1
            handler()
        return trace

    before = sys.gettrace()
    # Python 3.12 tells instructions only where some frame wanted them before it began to trace.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)


class TestChildren:
    """Processes forked from this one."""

    def test_it_goes_on(self) -> None:
        """Though another thread held the lock; from a random member of those present."""
        picker, state = Picker(ConnectPolicy()), membership()
        picker.turn(state)
        firsts = set()
        thread = threading.Thread(target=picker._lock.acquire)
        thread.start()
        thread.join()
        for _ in range(100):
            picker.forked()
            firsts.add(picker.turn(state))
            assert {picker.turn(state) for _ in range(5)} == set(ALL)
        assert firsts == set(ALL)

    def test_a_childs_children(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A daemon forks twice before it forks its workers: these are told as well."""
        monkeypatch.setattr(forking, "_open", weakref.WeakSet())
        picker = Picker(ConnectPolicy())
        for _ in range(3):
            held = picker._lock
            forking.lock.acquire()  # as before a fork; it is let go of in the child
            forking._in_child()
            assert picker._lock is not held

    def test_in_real_children(self) -> None:
        """Forked twice, each time with the lock held by a thread that is not in the child."""
        ended = subprocess.run(
            [sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=30, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.split() == ["0", "1", "2"]

    def test_nobody_keeps_it(self) -> None:
        """It ends with its service object."""
        picker = Picker(ConnectPolicy())
        gone = weakref.ref(picker)
        del picker
        gc.collect()
        assert gone() is None
