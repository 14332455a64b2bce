"""Retrying: tenacity's keywords for the retries of one-shot calls.

The only module that imports tenacity, and callers import it only after a first failure:
around a call that succeeds tenacity costs a sixth of a lookup, its import 30 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import (
    AsyncRetrying,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["again", "again_async"]

T = TypeVar("T")


def _policy(retries: int, on: tuple[type[Exception], ...], seconds: float | None) -> dict[str, Any]:
    """The same keywords for `Retrying` and `AsyncRetrying`.

    One try more than ``retries``, because the failure that led here is replayed as the
    first; waits of 0.25 s doubling to 5 s, each with up to 0.25 s of jitter.
    """
    stop: Any = stop_after_attempt(retries + 1)
    if seconds is not None:
        stop |= stop_before_delay(seconds)
    return {
        "stop": stop,
        "wait": wait_exponential(multiplier=0.25, max=5.0) + wait_random(0.0, 0.25),
        "retry": retry_if_exception_type(on),
        "reraise": True,
    }


def again(
    first: Exception,
    call: Callable[[], T],
    retries: int,
    *,
    on: tuple[type[Exception], ...],
    seconds: float | None = None,
    sleep: Callable[[float], None] | None = None,
) -> T:
    """Repeat a call that failed.

    Args:
        first: How it failed.
        call: The call.
        retries: How many more times at most, 1 or more.
        on: The errors after which it is repeated.
        seconds: All of it may take, default None: without a limit.
        sleep: Waits between two calls, default ``time.sleep``.

    Raises:
        Exception: The last one, when all failed.
    """
    failures = [first]
    made: list[T] = []  # not through tenacity, whose frames live on in the failures' tracebacks

    def attempt() -> None:
        if failures:
            raise failures.pop()
        made.append(call())

    policy = _policy(retries, on, seconds)
    if sleep is not None:
        policy["sleep"] = sleep
    Retrying(**policy)(attempt)
    return made.pop()


async def again_async(
    first: Exception,
    call: Callable[[], Awaitable[T]],
    retries: int,
    *,
    on: tuple[type[Exception], ...],
    seconds: float | None = None,
    sleep: Callable[[float], Awaitable[None]] | None = None,
) -> T:
    """The twin of `again` for asyncio."""
    failures = [first]
    made: list[T] = []

    async def attempt() -> None:
        if failures:
            raise failures.pop()
        made.append(await call())

    policy = _policy(retries, on, seconds)
    if sleep is not None:
        policy["sleep"] = sleep
    await AsyncRetrying(**policy)(attempt)
    return made.pop()
