"""Roles: which member is the primary, which are replicas, and for how long that is believed.

In: the members, what each said when it was asked (a role, an error, nothing), the time. Out:
an assignment, or the error of a question it has no single answer to. Asks nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import AmbiguousEndpoint, ConfigError, EndpointNotFound
from .changes import key_of
from .values import Value, is_coroutine_function, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .snapshot import Endpoint, Snapshot

__all__ = [
    "AT_ONCE",
    "PRIMARY",
    "REPLICA",
    "STILL_BUSY",
    "Assignment",
    "Kept",
    "RoleSettings",
    "Run",
    "by_answers",
    "by_ordinal",
    "check_role",
    "who_is_one_of",
    "who_is_replica",
    "without_replica",
]

PRIMARY = "primary"
REPLICA = "replica"
AT_ONCE = 32
"""Members that are asked at the same time, at most."""
UNSETTLED = 0.25
"""Seconds that an answer without exactly one primary is believed, at most: it will change."""
GONE_AFTER = 1.0
"""Seconds beyond its time after which nobody waits any more for the end of a run."""
NO_ANSWER = object()
STILL_BUSY = TimeoutError("its last probe has not ended")
"""What is said of a pod whose probe goes on after its time: it is not started twice."""

_IN_WORDS_AT_MOST = 10


class RoleSettings(Value):
    """What `Roles` and its twin are told; arguments as there.

    Raises:
        ConfigError: A value that cannot be meant, named.
    """

    __slots__ = ("keep", "primary", "probe", "timeout")
    primary: int
    probe: Callable[..., Any] | None
    keep: float
    timeout: float

    def __init__(
        self,
        *,
        primary: int,
        probe: Any,
        keep: float,
        timeout: float,
        is_awaited: bool,
    ) -> None:
        if type(primary) is not int or primary < 0:
            raise ConfigError("primary", f"{ascii(primary)[:100]} is no ordinal")
        if probe is not None:
            kind = "coroutine function" if is_awaited else "plain function"
            # Of an object that can be called nobody knows whether it must be awaited.
            known = hasattr(probe, "__code__")
            if not callable(probe) or (known and is_coroutine_function(probe) is not is_awaited):
                raise ConfigError("probe", f"{ascii(probe)[:100]} is no {kind}")
        if not is_number(keep) or not 0 <= keep < 1e9:
            raise ConfigError("keep", f"{ascii(keep)[:100]} is no number of seconds, 0 or more")
        if not is_number(timeout) or not 0 < timeout < 1e9:
            raise ConfigError("timeout", f"{ascii(timeout)[:100]} is no number of seconds above 0")
        self._set(primary=primary, probe=probe, keep=float(keep), timeout=float(timeout))

    def __str__(self) -> str:
        """How the primary is told."""
        return f"primary={self.primary}" if self.probe is None else f"probe={self.probe!r}"


class Assignment(Value):
    """Who has which role.

    Attributes:
        service: The Service's FQDN without the last dot.
        primaries: Those that are primary; exactly one where all is well.
        replicas: Those that are replicas.
        unknown: The others, each with the reason in words.
    """

    __slots__ = ("primaries", "replicas", "service", "unknown")
    service: str
    primaries: tuple[Endpoint, ...]
    replicas: tuple[Endpoint, ...]
    unknown: tuple[tuple[Endpoint, str], ...]

    def __init__(
        self,
        service: str,
        primaries: tuple[Endpoint, ...],
        replicas: tuple[Endpoint, ...],
        unknown: tuple[tuple[Endpoint, str], ...] = (),
    ) -> None:
        self._set(service=service, primaries=primaries, replicas=replicas, unknown=unknown)

    def primary(self) -> Endpoint:
        """The one primary.

        Raises:
            EndpointNotFound: None is.
            AmbiguousEndpoint: Several are; the error names them.
        """
        if len(self.primaries) == 1:
            return self.primaries[0]
        if self.primaries:
            names = ", ".join(str(each.hostname or each.address) for each in self.primaries)
            raise AmbiguousEndpoint(
                self.service,
                "the primary",
                self.primaries,
                f"{self.service}: {len(self.primaries)} say that they are the primary: {names}",
            )
        raise self.nobody(PRIMARY)

    def some_replicas(self) -> tuple[Endpoint, ...]:
        """The replicas.

        Raises:
            EndpointNotFound: There are none.
        """
        if not self.replicas:
            raise self.nobody(REPLICA)
        return self.replicas

    def nobody(self, role: str) -> EndpointNotFound:
        """The error where nobody has a role: it says what each pod is."""
        told = [(each, PRIMARY) for each in self.primaries]
        told += [(each, REPLICA) for each in self.replicas]
        told += self.unknown
        text = "; ".join(
            f"{each.name or each.address}: {what}" for each, what in told[:_IN_WORDS_AT_MOST]
        )
        if len(told) > _IN_WORDS_AT_MOST:
            text += f"; and {len(told) - _IN_WORDS_AT_MOST} more"
        return EndpointNotFound(
            self.service,
            f"the {role}" if role == PRIMARY else "a replica",
            tuple(each for each, _ in told),
            f"{self.service}: there is no {role}; {text or 'nobody is listed'}",
        )


def by_ordinal(service: str, endpoints: tuple[Endpoint, ...], primary: int) -> Assignment:
    """The pod of that ordinal is the primary, the others are replicas.

    A pod without an ordinal may be any of them: its role is unknown.
    """
    known = [each for each in endpoints if each.ordinal is not None]
    return Assignment(
        service,
        tuple(each for each in known if each.ordinal == primary),
        tuple(each for each in known if each.ordinal != primary),
        tuple((each, "no ordinal") for each in endpoints if each.ordinal is None),
    )


def by_answers(
    service: str, endpoints: tuple[Endpoint, ...], answers: Mapping[Endpoint, object]
) -> Assignment:
    """Each is what it said.

    Args:
        service: The Service's FQDN without the last dot.
        endpoints: Who was asked.
        answers: A role, or the error; who did not answer is missing.
    """
    primaries, replicas, unknown = [], [], []
    for each in endpoints:
        answer = answers.get(each, NO_ANSWER)
        if answer == PRIMARY:
            primaries.append(each)
        elif answer == REPLICA:
            replicas.append(each)
        else:
            unknown.append((each, _in_words(answer)))
    return Assignment(service, tuple(primaries), tuple(replicas), tuple(unknown))


def who_is_replica(settings: RoleSettings) -> Callable[[Endpoint], bool]:
    """Who is a replica by ordinal, as a function for ``to``."""
    return lambda each: each.ordinal is not None and each.ordinal != settings.primary


def who_is_one_of(endpoints: tuple[Endpoint, ...]) -> Callable[[Endpoint], bool]:
    """Who is one of these pods, at whatever address, as a function for ``to``."""
    keys = {key_of(each) for each in endpoints}
    return lambda each: key_of(each) in keys


def without_replica(settings: RoleSettings, error: EndpointNotFound) -> EndpointNotFound:
    """The error of a question for a replica, in words of roles."""
    if settings.probe is not None:
        return error
    return by_ordinal(error.service, error.listed, settings.primary).nobody(REPLICA)


def check_role(role: object) -> None:
    """Demand that a role can be meant.

    Raises:
        ConfigError: It cannot.
    """
    if role not in (PRIMARY, REPLICA):
        raise ConfigError("role", f"{ascii(role)[:100]} is neither 'primary' nor 'replica'")


class Run:
    """One run of the probe over the members.

    Attributes:
        members: Who is asked.
        began: When, monotonic seconds.
        forgotten: How often everything had been forgotten before it began.
        found: What came of it; None where it has not ended, or was broken off.
        ended: The shell's event, which whoever joined it waits for.
    """

    __slots__ = ("began", "ended", "forgotten", "found", "members")

    def __init__(self, members: Snapshot, began: float, forgotten: int, ended: Any) -> None:
        self.members = members
        self.began = began
        self.forgotten = forgotten
        self.ended = ended
        self.found: Assignment | None = None


class Kept:
    """What the last run found, and the one under way. Not safe to be used by two threads.

    Args:
        settings: For how long a run is believed, and how long it may take.
    """

    __slots__ = ("_keep", "_last", "_under_way", "forgotten", "longest")

    def __init__(self, settings: RoleSettings) -> None:
        self._keep = settings.keep
        #: Seconds after which whoever runs the probe is held to be gone.
        self.longest = settings.timeout + GONE_AFTER
        self._last: Run | None = None
        self._under_way: Run | None = None
        #: How often everything was forgotten.
        self.forgotten = 0

    def under_way(self, now: float) -> Run | None:
        """The run to wait for; there is at most one."""
        run = self._under_way
        return run if run is not None and now < run.began + self.longest else None

    def known(self, members: Snapshot, now: float) -> Assignment | None:
        """What is known of these members; None: they must be asked."""
        run = self._last
        if run is None or run.found is None or not self.is_for(run, members, self.forgotten):
            return None
        is_settled = len(run.found.primaries) == 1
        keep = self._keep if is_settled else min(self._keep, UNSETTLED)
        return run.found if now < run.began + keep else None

    @staticmethod
    def is_for(run: Run, members: Snapshot, forgotten: int) -> bool:
        """Whether a run answers who asks about these members, after so much was forgotten."""
        return run.members == members and run.forgotten >= forgotten

    def begin(self, members: Snapshot, now: float, ended: Any) -> Run:
        """A run begins."""
        self._under_way = Run(members, now, self.forgotten, ended)
        return self._under_way

    def end(self, run: Run, found: Assignment | None) -> None:
        """It is over; None where it was broken off."""
        run.found = found
        if self._under_way is run:
            self._under_way = None
            self._last = run

    def forget(self) -> None:
        """What was found, and what the run under way may have asked already, is not believed."""
        self.forgotten += 1

    def abandon(self) -> None:
        """This is a child process: nobody ends the run under way."""
        self._under_way = None


def _in_words(answer: object) -> str:
    """An answer that is no role, or none."""
    if answer is NO_ANSWER:
        return "did not answer in time"
    if isinstance(answer, BaseException):
        text = str(answer).strip()
        return f"{type(answer).__name__}: {text}" if text else type(answer).__name__
    return f"the probe said {ascii(answer)[:100]}"
