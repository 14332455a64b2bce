"""Quickness: what counts as done in time."""

from __future__ import annotations

import sys
import time

import pytest

from tests.scenarios.quickness import Control, quickest


class Machine(Control):
    """One that is as late as it is told to be."""

    seconds = 0.0

    @property
    def late(self) -> float:
        """As told."""
        return self.seconds


class Busy(Machine):
    """One that is late."""

    seconds = 0.45


@pytest.mark.parametrize(
    ("tries", "machine", "left"),
    [
        ((0.1, 0.1, 9.0), Machine, 1),  # two are enough
        ((0.1, 0.5, 0.1), Machine, 0),
        ((0.5, 0.1, 0.1), Machine, 0),
        ((0.5, 0.5, 1.4), Busy, 1),
        ((1.4, 0.5, 0.5), Busy, 0),
    ],
)
def test_in_time(tries: tuple[float, ...], machine: type[Machine], left: int) -> None:
    """Two of three are within the bound and what the machine took; the third is not awful."""
    remaining = list(tries)
    quickest(lambda: remaining.pop(0), 0.1, machine)
    assert len(remaining) == left


@pytest.mark.parametrize(
    ("tries", "machine"),
    [
        ((0.5, 0.5, 0.1, 0.1), Machine),
        ((0.1, 0.5, 0.5, 0.1), Machine),
        ((1.1, 0.1, 0.1), Machine),  # once may be too often
        ((0.1, 1.1, 0.1), Machine),
        ((0.6, 0.6, 0.1), Busy),
        ((1.5, 0.1, 0.1), Busy),
    ],
)
def test_too_late(tries: tuple[float, ...], machine: type[Machine]) -> None:
    """One quick try of three does not do, and no try may take a second."""
    remaining = iter(tries)
    with pytest.raises(AssertionError, match="not within"):
        quickest(lambda: next(remaining), 0.1, machine)


def test_the_control() -> None:
    """It is about as late as a machine that lets nobody else run, and else hardly."""
    switching = sys.getswitchinterval()
    sys.setswitchinterval(10)  # the other threads stand still while we compute
    try:
        with Control() as machine:
            end = time.monotonic() + 0.2
            while time.monotonic() < end:
                pass
    finally:
        sys.setswitchinterval(switching)
    assert machine.late > 0.15


def test_sleeping_is_not_the_machines_fault() -> None:
    """What takes its time without computing is slow, and told to be so."""

    def measure() -> float:
        began = time.monotonic()
        time.sleep(0.15)
        return time.monotonic() - began

    with pytest.raises(AssertionError, match="not within"):
        quickest(measure, 0.02)
