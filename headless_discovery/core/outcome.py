"""Outcome: what a look means to the caller of the public API: a snapshot or an error.

In: the `Snapshot` or `Failure` a plan returned. Out: a `Look` that tells all of it, whose
error is the one to raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError, LookupFailed, NotHeadless
from .objections import rcode_name
from .questions import INTERNAL, NOT_HEADLESS, Failure, Problem
from .snapshot import PARTIAL, Snapshot
from .values import Value

if TYPE_CHECKING:
    from .names import ServiceName
    from .questions import Attempt

__all__ = ["Look", "unable"]


class Look(Value):
    """One look: what was asked, what it found, what it cost.

    Attributes:
        service: The Service asked about.
        snapshot: What was found; None where the look failed.
        error: `LookupFailed` or `NotHeadless` where the look failed or was partial; in a
            followed Service also `ConfigError`, as when resolv.conf has vanished; else None.
        attempts: Every message sent, in order, with server, transport, outcome, size and
            seconds.
        elapsed: Seconds it took.
    """

    __slots__ = ("attempts", "elapsed", "error", "service", "snapshot")
    service: ServiceName
    snapshot: Snapshot | None
    error: LookupFailed | NotHeadless | ConfigError | None
    attempts: tuple[Attempt, ...]
    elapsed: float

    def __init__(
        self,
        service: ServiceName,
        result: Snapshot | Failure | ConfigError,
        attempts: tuple[Attempt, ...],
        elapsed: float,
    ) -> None:
        snapshot = result if isinstance(result, Snapshot) else None
        put = object.__setattr__
        put(self, "service", service)
        put(self, "snapshot", snapshot)
        put(self, "error", _error(service, result, attempts, elapsed))
        put(self, "attempts", attempts)
        put(self, "elapsed", elapsed)

    def result(self, *, allow_partial: bool = False) -> Snapshot:
        """The snapshot.

        Args:
            allow_partial: Take a PARTIAL one too.

        Raises:
            LookupFailed: The look failed, or was partial.
            NotHeadless: The Service has a virtual address.
            ConfigError: The environment lacks what a look needs.
        """
        if self.snapshot is not None and (allow_partial or self.error is None):
            return self.snapshot
        assert self.error is not None  # noqa: S101 - no snapshot means an error
        raise self.error


def unable(error: Exception) -> Failure | ConfigError:
    """What a look came to that this process could not make."""
    if isinstance(error, ConfigError):
        return error
    return Failure(Problem(INTERNAL, f"{type(error).__name__}: {error}"))


def _error(
    service: ServiceName,
    result: Snapshot | Failure | ConfigError,
    attempts: tuple[Attempt, ...],
    elapsed: float,
) -> LookupFailed | NotHeadless | ConfigError | None:
    if isinstance(result, ConfigError):
        return result
    if isinstance(result, Snapshot):
        if result.outcome != PARTIAL:
            return None
        # The facts of the part that failed as data; they are not part of the value.
        question, rcode = result._cause or (None, None)  # noqa: SLF001
        return LookupFailed(
            "partial",
            service=service.fqdn,
            detail=f"a part of the look failed, {result.problem}",
            question=question,
            rcode=None if rcode is None else rcode_name(rcode),
            servers=tuple(dict.fromkeys(each.server for each in attempts)) or result.servers,
            dropped=result.dropped,
            elapsed=elapsed,
            snapshot=result,
        )
    if result.problem.kind == NOT_HEADLESS:
        # Through an ExternalName it is the Service at its end that is not headless.
        name = service.fqdn if result.question is None else _own_part(result.question.name)
        return NotHeadless(name, result.addresses, result.ports)
    problem = result.problem
    return LookupFailed(
        problem.kind,
        service=service.fqdn,
        detail=problem.detail,
        question=None if result.question is None else str(result.question),
        rcode=None if problem.rcode is None else rcode_name(problem.rcode),
        servers=result.servers,
        dropped=result.dropped,
        elapsed=elapsed,
    )


def _own_part(name: str) -> str:
    """The Service's name behind ``_port._proto.``."""
    labels = name.split(".")
    while labels[0].startswith("_"):
        labels.pop(0)
    return ".".join(labels)
