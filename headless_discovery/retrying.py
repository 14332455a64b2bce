"""Retrying: tenacity's keywords for the retries of one-shot calls.

The only module that imports tenacity, and callers import it only after a first failure:
around a call that succeeds tenacity costs a sixth of a lookup, its import 30 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenacity import (
    AsyncRetrying,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from .errors import LookupFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .core.snapshot import Snapshot

__all__ = ["again", "again_async"]


def _policy(retries: int) -> dict[str, Any]:
    """The same keywords for `Retrying` and `AsyncRetrying`.

    One try more than ``retries``, because the failure that led here is replayed as the
    first; waits of 0.25 s doubling to 5 s, each with up to 0.25 s of jitter.
    """
    return {
        "stop": stop_after_attempt(retries + 1),
        "wait": wait_exponential(multiplier=0.25, max=5.0) + wait_random(0.0, 0.25),
        "retry": retry_if_exception_type(LookupFailed),
        "reraise": True,
    }


def again(first: LookupFailed, call: Callable[[], Snapshot], retries: int) -> Snapshot:
    """Repeat a call that failed.

    Args:
        first: How it failed.
        call: The call.
        retries: How many more times at most, 1 or more.

    Raises:
        LookupFailed: The last one, when all failed.
    """
    failures = [first]

    def attempt() -> Snapshot:
        if failures:
            raise failures.pop()
        return call()

    return Retrying(**_policy(retries))(attempt)


async def again_async(
    first: LookupFailed, call: Callable[[], Awaitable[Snapshot]], retries: int
) -> Snapshot:
    """The twin of `again` for asyncio."""
    failures = [first]

    async def attempt() -> Snapshot:
        if failures:
            raise failures.pop()
        return await call()

    return await AsyncRetrying(**_policy(retries))(attempt)
