"""Following: a poller that looks when it is due, and the thread one runs in."""

from __future__ import annotations

import threading
from random import Random
from time import monotonic
from typing import TYPE_CHECKING

from .. import forking
from ..core.following import HINT, LOOK, Following
from ..core.outcome import Look, unable
from ..core.questions import INTERNAL
from ..core.waiting import Backlog, Seen
from ..errors import DiscoveryError, LookupFailed, NotHeadless
from ..reporting import Reporter
from ..service import CLOSE_WAITS, CLOSED, DEFECT, FORKED, OPEN_WAITS, FollowerBase
from .lookup import ask_serial, look
from .transport import Channel, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.policy import PollPolicy
    from ..target import Target
    from .transport import Stop

__all__ = ["Follower", "Poller", "lacking"]


class Poller:
    """Looks when it is due, in the thread that calls it.

    Args:
        target: Whom to follow.
        policy: When, and what it takes.
        on_lookup: Called with each `Look`, in the same thread.
        stop: Ends it when set.

    Raises:
        LookupFailed: This process may open no more files.
    """

    def __init__(
        self,
        target: Target,
        policy: PollPolicy,
        on_lookup: Callable[[Look], object] | None,
        stop: Stop | None = None,
    ) -> None:
        self.target = target
        spread = Random().random  # noqa: S311 - no secret
        self.following = Following(policy, spread, monotonic())
        self.reporter = Reporter()
        #: Guards ``following`` against the threads that want a look.
        self.lock = threading.RLock()  # a signal's handler may call us, too
        #: Whether this is the copy of it in a child process.
        self.is_forked = False
        self._on_lookup = on_lookup
        try:
            with forking.lock:
                self.channel = Channel(stop)
                forking.register(self)
        except OSError as error:
            raise lacking(target, error) from None

    def turn(self) -> Seen | None:
        """Wait for what is due next, and do it.

        Returns:
            The look that ended; None for anything else.

        Raises:
            Interrupted: It has an end.
            NotHeadless, ConfigError, InvalidName: The very first look says so.
        """
        with self.lock:
            due = self.following.due
        self.channel.wait(due)
        with self.lock:
            step = self.following.step(monotonic())
        if step == HINT:
            self._hint()
        return self._look() if step == LOOK else None

    def want(self, when: float | None = None) -> None:
        """Look at that moment at the latest, or as soon as may be; from any thread."""
        with self.lock:
            self.following.look_by(monotonic() if when is None else when)
        self.channel.wake()

    def quicken(self) -> None:
        """Somebody waits; from any thread."""
        with self.lock:
            self.following.quicken(monotonic())
        self.channel.wake()

    def close(self) -> None:
        """Close what is open."""
        self.channel.close()

    def forked(self) -> None:
        """This is a child process: its copies are of no use."""
        self.is_forked = True
        self.lock = threading.RLock()
        self.channel.close()

    def _look(self) -> Seen:
        first = self.following.looks == 0
        done = self._done(first)
        now = monotonic()
        with self.lock:
            change = self.following.looked(done, now, at_most=self.target.options.timeout)
        is_refused = first and isinstance(done.error, NotHeadless)
        if not is_refused:
            self.reporter.looked(done, change)
        if self._on_lookup is not None:
            try:
                self._on_lookup(done)
            except (Exception, SystemExit):  # noqa: BLE001 - it must not end it for all others
                self.reporter.callback_raised(self._on_lookup)
        if is_refused and done.error is not None:
            raise done.error
        return Seen.of(done, now, change)

    def _done(self, first: bool) -> Look:
        """One look, whatever happens."""
        began = monotonic()
        try:
            return look(self.target, self.channel)
        except Interrupted:
            raise
        except DiscoveryError as error:
            if first:
                raise
            result = unable(error)
        except OSError as error:  # as when a process may open no more files
            result = unable(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end the following
            self.reporter.defect()
            result = unable(error)
        return Look(self.target.last_service(), result, (), monotonic() - began)

    def _hint(self) -> None:
        try:
            serial = ask_serial(self.target, self.channel, self.following.look_due)
        except Interrupted:
            raise
        except (DiscoveryError, OSError):
            serial = None
        except Exception:  # noqa: BLE001 - a defect must not end the following
            self.reporter.defect()
            serial = None
        with self.lock:
            self.following.hinted(serial, monotonic())


class Follower(FollowerBase):
    """A poller in a thread of its own, and those who want to know what it finds.

    Args: as those of `Poller`.
    """

    def __init__(
        self,
        target: Target,
        policy: PollPolicy,
        on_lookup: Callable[[Look], object] | None,
    ) -> None:
        self.poller = Poller(target, policy, on_lookup)
        super().__init__(self.poller)
        #: What the very first look refused.
        self.refusal: DiscoveryError | None = None
        self._waiting: list[Backlog] = []
        self._renew()
        self._thread = threading.Thread(
            target=self._run, name=f"headless_discovery {target.parts.service}", daemon=True
        )
        forking.register(self)

    def _renew(self) -> None:
        lock = threading.RLock()
        #: Somebody came or went, or it is over.
        self.changed = threading.Condition(lock)
        #: A look ended, or it is over.
        self.looked = threading.Condition(lock)

    def open(self, timeout: float) -> None:
        """Begin, and wait for the first look.

        Raises:
            NotHeadless, ConfigError, InvalidName: The very first look says so.
            LookupFailed: This process may start no more threads.
        """
        try:
            self._thread.start()
        except RuntimeError as error:
            self.poller.close()
            raise lacking(self.poller.target, error) from None
        with self.looked:
            timeout += OPEN_WAITS
            self.looked.wait_for(lambda: self.over or self.poller.following.looks, timeout)
        if self.refusal is not None:
            raise self.refusal

    def close(self) -> None:
        """End it; from any thread, also from a callback. Once it is over, harmless."""
        if self.over is None:
            self._end(CLOSED)
            self.poller.channel.end()
            if self._thread.is_alive() and not self.looks_here:
                self._thread.join(CLOSE_WAITS)

    @property
    def looks_here(self) -> bool:
        """Whether it is this thread that looks."""
        return self._thread is threading.current_thread()

    def forked(self) -> None:
        """This is a child process: the thread is not here, and nobody may wait for it."""
        self._renew()
        self._over = FORKED
        self.following.end()
        self._waiting.clear()

    def add_waiting(self) -> Backlog:
        """What each look is put into from now on."""
        backlog = Backlog()
        with self.looked:
            self._waiting.append(backlog)
        return backlog

    def remove_waiting(self, backlog: Backlog) -> None:
        """No longer."""
        with self.looked:
            self._waiting = [each for each in self._waiting if each is not backlog]

    def _run(self) -> None:
        why = CLOSED
        try:
            while True:
                seen = self.poller.turn()
                if seen is not None:
                    self._tell(seen)
        except Interrupted:
            pass
        except DiscoveryError as error:
            self.refusal = error
        except Exception:  # noqa: BLE001 - whoever reads shall know that nobody looks any more
            self.poller.reporter.defect()
            why = DEFECT
        finally:
            self._end(why)
            self.poller.close()

    def _tell(self, seen: Seen) -> None:
        with self.looked:
            for backlog in self._waiting:
                backlog.put(seen)
            self.looked.notify_all()
            if seen.is_news:
                self.changed.notify_all()

    def _end(self, why: str) -> None:
        with self.looked:
            self._over = self._over or why
            self.following.end()
            self.looked.notify_all()
            self.changed.notify_all()


def lacking(target: Target, error: Exception) -> LookupFailed:
    """What is raised where this process can open or start nothing more."""
    return LookupFailed(INTERNAL, service=target.title, detail=f"{type(error).__name__}: {error}")
