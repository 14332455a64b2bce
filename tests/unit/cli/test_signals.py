"""Signals: the first one asks for the end, the second one is the end."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from headless_discovery.cli.signals import Ended, Signals
from tests.faces import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

DEAF = """
import time
from headless_discovery.cli.signals import Signals
with Signals() as signals:
    print("ready", flush=True)
    while True:  # whatever is asked
        time.sleep(0.01)
        if signals.is_set():
            print(signals.name, signals.code, flush=True)
            time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "name", "code"),
    [(signal.SIGTERM, "SIGTERM", 143), (signal.SIGINT, "SIGINT", 130)],
)
def test_a_signal_sets_it(number: signal.Signals, name: str, code: int) -> None:
    """Name and exit code are those of the signal; afterwards all is as before."""
    before = signal.getsignal(number)
    with Signals() as signals:
        assert not signals.is_set()
        signal.raise_signal(number)
        assert signals.is_set()
        assert (signals.name, signals.code) == (name, code)
    assert signal.getsignal(number) is before


def test_it_is_raised_only_where_it_is_wanted() -> None:
    """Inside ``raising``, also when the signal came before it."""
    with Signals() as signals:
        with pytest.raises(Ended), signals.raising():
            signal.raise_signal(signal.SIGTERM)
        assert signals.code == 143
        with pytest.raises(Ended), signals.raising():
            raise AssertionError("not reached")
    with Signals() as signals:
        with signals.raising():
            pass
        signal.raise_signal(signal.SIGTERM)
        assert signals.is_set()


def test_no_handler_catches_the_end_by_accident() -> None:
    """What catches every Exception, as callbacks are guarded, does not catch this."""
    assert not issubclass(Ended, Exception)


def test_what_is_ignored_stays_ignored() -> None:
    """A shell's background job is not ended by Ctrl-C in its terminal."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Signals() as signals:
            signal.raise_signal(signal.SIGINT)
            assert not signals.is_set()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_is_caught() -> None:
    """Only the main thread may; the program around decides then."""
    seen: list[bool] = []

    def work() -> None:
        with Signals() as signals:
            seen.append(signals.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_for_another_program_all_is_default() -> None:
    """Also what the interpreter ignores on its own."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGPIPE, signal.SIGXFSZ)}
    before = signal.getsignal(signal.SIGTERM)
    try:
        with Signals() as signals:
            signals.back_to_default()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
                assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize(
    "around", [[], ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]]
)
def test_the_second_signal_is_the_end(around: list[str]) -> None:
    """Whatever the process is busy with, also as PID 1, for which no signal has a default."""
    with deaf(around) as process:
        assert process.stdout is not None
        pid = process.pid if not around else _child_of(process.pid)
        subprocess.run(["kill", "-TERM", str(pid)], check=True)
        assert process.stdout.readline() == "SIGTERM 143\n"
        subprocess.run(["kill", "-TERM", str(pid)], check=True)
        assert process.wait(timeout=5) == 143


@pytest.mark.parametrize(
    ("around", "error"),
    [([], "NameError"), (["sh", "-c", "echo unshare: no >&2; exit 1", "unshare"], "unshare: no")],
)
def test_only_a_refused_namespace_is_a_reason_to_skip(
    around: list[str], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that does not come up for any other reason is a failure of its test."""
    monkeypatch.setattr("tests.unit.cli.test_signals.DEAF", "unshare")
    expected = pytest.skip.Exception if around else AssertionError
    # Not `expected` alone: a skip that is not wanted would only skip this test as well.
    either = (pytest.skip.Exception, AssertionError)
    with pytest.raises(either, match=error) as raised, deaf(around):
        raise AssertionError("it is up")
    assert raised.type is expected


@contextlib.contextmanager
def deaf(around: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The process that goes on whatever it is asked; it is up, and gone afterwards."""
    process = subprocess.Popen(
        [*around, sys.executable, "-c", DEAF],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            errors = process.communicate(timeout=5)[1]
            if around and process.returncode and errors.startswith("unshare: "):
                pytest.skip(f"no namespaces here: {errors.strip()}")
            raise AssertionError(errors)
        yield process
    finally:
        process.kill()
        process.communicate()


def _child_of(pid: int) -> int:
    """The only child of a process."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:  # noqa: PTH123
        return int(children.read())
