"""Dialling: one call of connect: its rounds, its attempts, its errors and their words."""

from __future__ import annotations

import errno
import pickle
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery.core.connectpolicy import ConnectPolicy
from headless_discovery.core.dialling import ConnectAttempt, Dialling, in_words, port_of
from headless_discovery.errors import ConfigError, ConnectFailed, NoEndpoints
from headless_discovery.sockets import NotConnected
from tests.unit.core.choosing import ALL, ONE, START, THREE, TWO, ZERO, selection
from tests.unit.core.script import SERVICE, bare, pod, snapshot

if TYPE_CHECKING:
    from headless_discovery.core.snapshot import Endpoint, Snapshot

FQDN = SERVICE.fqdn
REFUSED = ConnectionRefusedError(111, "Connection refused")


def call(to: Any = None, **policy: Any) -> Dialling:
    """A call that began at the start."""
    return Dialling(ConnectPolicy(**policy), to, None, START)


class Played:
    """A call driven by hand, over three members; one failure leaves a member out."""

    def __init__(self, to: Any = None, members: Snapshot = THREE, **policy: Any) -> None:
        self.call = call(to, **policy)
        self.selection = selection(members)
        self.call.consider(members)

    def next(self, at: float = START, **keywords: bool) -> Endpoint | None:
        """Who is dialled."""
        return self.call.next(self.selection, at, **keywords)

    def fail(self, endpoint: Endpoint, error: Exception = REFUSED, took: float = 0.0) -> None:
        """Dialling it failed."""
        self.call.failed(self.selection, endpoint, error, START, START + took)

    def rest(self) -> list[Endpoint]:
        """Everybody else in this round."""
        found = []
        while (endpoint := self.next()) is not None:
            found.append(endpoint)
        return found


class TestTime:
    """How long a call and its attempts may take."""

    def test_the_whole_call(self) -> None:
        """Counted from its begin, never less than none."""
        made = call(timeout=10.0)
        assert made.deadline == START + 10
        assert made.left(START + 4) == 6
        assert made.left(START + 11) == 0

    def test_an_attempt(self) -> None:
        """No longer than one may take, nor than the call has left."""
        made = call(timeout=3.0, attempt_timeout=2.0)
        assert made.attempt(START) == 2
        assert made.attempt(START + 2.5) == 0.5
        assert made.attempt(START + 4) == 0


class TestRounds:
    """Who has been dialled."""

    def test_everybody_once(self) -> None:
        """Then nobody is left, until there is another round."""
        played = Played()
        assert not played.call.has_dialled
        assert played.rest() == list(ALL)
        assert played.call.has_dialled
        assert played.next() is None
        played.call.next_round()
        assert not played.call.has_dialled
        played.call.consider(THREE)
        assert played.rest() == list(ALL)

    def test_nothing_known(self) -> None:
        """Then there is nobody to be dialled."""
        assert call().next(selection(), START) is None

    def test_the_same_members_again(self) -> None:
        """Those dialled have been dialled; another look of the same is no second chance."""
        played = Played()
        played.next()
        played.call.consider(snapshot(*ALL))
        assert played.rest() == [ONE, TWO]

    def test_who_came_or_moved(self) -> None:
        """They have not been dialled where they are now."""
        played = Played()
        played.rest()
        moved = pod(1, "10.0.9.9")
        members = snapshot(ZERO, moved, TWO, pod(3))
        played.call.consider(members)
        played.selection.renew(members, members)
        assert set(played.rest()) == {moved, pod(3)}

    def test_one_pod_once(self) -> None:
        """It alone, and not twice in a round."""
        assert Played(to=1).rest() == [ONE]

    def test_the_callers_functions(self) -> None:
        """They are called once for a state of the members, and once more for each round."""
        asked = []

        def order(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
            asked.append(endpoints)
            return endpoints

        made = call(order=order)
        for _ in range(3):
            made.consider(THREE)
        assert len(asked) == 1
        made.next_round()
        made.consider(THREE)
        assert len(asked) == 2

    def test_nobody_is_there(self) -> None:
        """That is raised where it is found."""
        with pytest.raises(NoEndpoints):
            call().consider(snapshot())

    def test_one_who_is_only_told(self) -> None:
        """``endpoint()`` is not told how its dial ends: it does not use up the one trial."""
        played = Played()
        played.fail(ZERO)
        at = START + 30
        told = [call() for _ in range(2)]
        for each in told:
            each.consider(snapshot(ZERO))
            assert each.next(played.selection, at, is_dialled=False) is not None
        assert played.selection.ejected(at) == ()
        dialled = Dialling(ConnectPolicy(), 0, None, at)
        dialled.consider(THREE)
        assert dialled.next(played.selection, at) is ZERO
        assert [each.endpoint for each in played.selection.ejected(at)] == [ZERO]


class TestAttempts:
    """What became of each dial."""

    def test_it_is_kept(self) -> None:
        """Who, where, how, for how long; and it is held against the member."""
        played = Played()
        played.fail(ZERO, took=0.25)
        (attempt,) = played.call.attempts
        assert (attempt.endpoint, attempt.address) == (ZERO, "10.0.0.0")
        assert attempt.error is REFUSED
        assert attempt.seconds == 0.25
        (out,) = played.selection.ejected(START)
        assert (out.endpoint, out.error) == (ZERO, "Connection refused")

    @pytest.mark.parametrize(
        ("address", "told"),
        [("fd00::1", "fd00::1"), ("10.0.0.9", "10.0.0.1"), (None, "10.0.0.1"), (1, "10.0.0.1")],
    )
    def test_where(self, address: Any, told: str) -> None:
        """The address the error tells, where it is one of the pod's; else the first."""
        both = pod(1, "10.0.0.1", "fd00::1")
        played = Played(members=snapshot(both))
        played.fail(both, NotConnected(address, "connection refused"))
        assert played.call.attempts[0].address == told

    def test_what_was_not_dialled_is_held_against_nobody(self) -> None:
        """A port that is not known is no fault of the pod."""
        played = Played()
        played.fail(ZERO, ConfigError("port", "DNS tells none"))
        assert played.selection.is_plain
        assert len(played.call.attempts) == 1

    @pytest.mark.parametrize(
        ("code", "is_held"),
        [
            (errno.EMFILE, False),
            (errno.ENFILE, False),
            (errno.ENOMEM, False),
            (errno.ENOBUFS, False),
            (errno.EADDRNOTAVAIL, False),
            (errno.ECONNREFUSED, True),
            (errno.EHOSTUNREACH, True),
            (None, True),
        ],
    )
    def test_what_this_process_lacks(self, code: int | None, is_held: bool) -> None:
        """No more files, no more ports: that says nothing of the pod; it is told all the same."""
        played = Played()
        played.fail(ZERO, OSError(code, "so it is"))
        assert bool(played.selection.ejected(START)) is is_held
        assert len(played.call.attempts) == 1

    def test_a_late_one(self) -> None:
        """What began before the member was left out says nothing new."""
        played = Played()
        played.fail(ZERO, took=0.5)
        played.call.failed(played.selection, ZERO, REFUSED, START + 0.4, START + 20)
        (out,) = played.selection.ejected(START + 20)
        assert out.seconds == 10.5
        played.call.failed(played.selection, ZERO, REFUSED, START + 0.4, START + 40)
        assert played.selection.ejected(START + 40) == ()

    def test_in_words(self) -> None:
        """Pod, address, port, error, seconds; without what is not known."""

        def text(endpoint: Endpoint) -> str:
            return str(
                ConnectAttempt(
                    endpoint=endpoint, address=endpoint.address, error=REFUSED, seconds=0.0014
                )
            )

        assert text(ZERO) == "db-0 at 10.0.0.0:3306: Connection refused (0.001 s)"
        assert text(bare("fd00::1", 80)) == "[fd00::1]:80: Connection refused (0.001 s)"
        assert text(bare("10.0.0.1", 80, 81)) == "10.0.0.1: Connection refused (0.001 s)"


class TestError:
    """How a call ends that found nobody."""

    def test_every_attempt(self) -> None:
        """In order; within its time."""
        played = Played()
        for each in (TWO, ZERO):
            played.fail(each)
        error = played.call.error(FQDN, START + 1)
        assert isinstance(error, ConnectFailed)
        assert [each.endpoint for each in error.attempts] == [TWO, ZERO]
        assert (error.service, error.timeout) == (FQDN, None)

    def test_out_of_time(self) -> None:
        """That is told as well."""
        error = call(timeout=3.0).error(FQDN, START + 3)
        assert isinstance(error, ConnectFailed)
        assert (error.attempts, error.timeout) == ((), 3.0)

    def test_nobody_could_be_dialled(self) -> None:
        """Then the setting is at fault, and that is the error."""
        played = Played()
        first = ConfigError("port", "first")
        played.fail(ZERO, first)
        played.fail(ONE, ConfigError("port", "second"))
        assert played.call.error(FQDN, START) is first
        played.fail(TWO)
        assert isinstance(played.call.error(FQDN, START), ConnectFailed)


@pytest.mark.parametrize(
    ("endpoint", "port"), [(ZERO, 3306), (bare("10.0.0.1", 80), 80), (pod(0, ports=(81,)), 81)]
)
def test_the_port(endpoint: Endpoint, port: int) -> None:
    """The one that DNS tells."""
    assert port_of(endpoint) == port


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [(bare("10.0.0.1"), "no port"), (bare("10.0.0.1", 80, 81), "the ports 80, 81")],
)
def test_no_port(endpoint: Endpoint, told: str) -> None:
    """None, or several: the caller has to say which."""
    with pytest.raises(ConfigError, match=told) as caught:
        port_of(endpoint)
    assert "port=" in caught.value.reason


class Speechless(Exception):  # noqa: N818 - tests' own
    """Raises whatever it is asked."""

    def __str__(self) -> str:
        raise ValueError

    @property
    def strerror(self) -> str:
        """Raise something else than an AttributeError."""
        raise KeyError

    address = strerror


class TestWords:
    """Errors of clients, which may hold whatever a server said."""

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (REFUSED, "Connection refused"),
            (NotConnected("10.0.0.1", "no connection within 1 s"), "no connection within 1 s"),
            (TimeoutError(), "TimeoutError"),
            (ValueError("  "), "ValueError"),
            (OSError(5, 7), "[Errno 5] 7"),
            (OSError(5, b"x"), "[Errno 5] b'x'"),
            (Speechless(), "Speechless"),
            (RuntimeError("failed:\n\tIs it\r\nrunning\n"), "RuntimeError: failed: Is it running"),
            (RuntimeError("a\x1b[31mb\x00"), "RuntimeError: a\\x1b[31mb\\x00"),
            (RuntimeError("läuft nicht"), "RuntimeError: läuft nicht"),
            (OSError("x" * 5000), "x" * 297 + "..."),
            (KeyError("host"), "KeyError: 'host'"),
            (ConfigError("port", "none is known"), "port: none is known"),
            (ssl.SSLError(1, "[SSL] bad"), "[SSL] bad"),
        ],
        ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
    )
    def test_one_line(self, error: Exception, words: str) -> None:
        """Short, printable, never empty, and never an error of its own."""
        assert in_words(error) == words

    def test_the_last_error_is_the_cause(self) -> None:
        """With it come the lines of the caller's own function."""
        played = Played()
        played.fail(ZERO, REFUSED)
        played.fail(ZERO, last := KeyError("host"))
        assert played.call.error(FQDN, START).__cause__ is last

    def test_an_odd_error_fails_a_dial_like_any(self) -> None:
        """Whatever the caller's function raises."""
        played = Played()
        played.fail(ZERO, Speechless())
        assert "Speechless" in str(played.call.error(FQDN, START))
        assert played.call.attempts[0].address == ZERO.address


class Twofold(Exception):  # noqa: N818 - tests' own
    """Cannot be made again from its text: loading it fails."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class TestPickling:
    """Attempts cross process borders."""

    def test_whole(self) -> None:
        """With their error."""
        attempt = ConnectAttempt(endpoint=ZERO, address="10.0.0.0", error=REFUSED, seconds=0.5)
        again = pickle.loads(pickle.dumps(attempt))  # noqa: S301
        assert (again.endpoint, again.address, again.seconds) == (ZERO, "10.0.0.0", 0.5)
        assert type(again.error) is ConnectionRefusedError
        assert again.error.args == REFUSED.args

    @pytest.mark.parametrize(
        "error", [Twofold(1, "gone"), RuntimeError("gone", ssl.create_default_context())]
    )
    def test_an_error_that_cannot(self, error: Exception) -> None:
        """Its words travel in its place: an error lost on the way hangs a pool of processes."""
        attempt = ConnectAttempt(endpoint=ZERO, address="10.0.0.0", error=error, seconds=0.5)
        again = pickle.loads(pickle.dumps(attempt))  # noqa: S301
        assert type(again.error) is RuntimeError
        assert str(again.error).startswith(type(error).__name__)
        assert "gone" in str(again.error)
        assert attempt.error is error
