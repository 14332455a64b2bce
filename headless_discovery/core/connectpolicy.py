"""`ConnectPolicy`: whom a connection goes to, how long it may take, who is left out.

A frozen value; times are seconds. Each default is there for a reason, which is given with
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigError
from .values import Value, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Literal

    from .snapshot import Endpoint

    Order = (
        Literal["round_robin", "random", "ordinal"]
        | Callable[[tuple[Endpoint, ...]], Iterable[Endpoint]]
    )

__all__ = ["ORDINAL", "RANDOM", "ROUND_ROBIN", "STAGGER", "ConnectPolicy"]

ROUND_ROBIN: Final = "round_robin"
RANDOM: Final = "random"
ORDINAL: Final = "ordinal"
STAGGER: Final = 0.25
"""Seconds between two addresses of one pod (RFC 8305, section 5)."""
_MOST_SECONDS = 86400.0


class ConnectPolicy(Value):
    """How connections are made. Everything has a default that suits a pod.

    Args:
        attempt_timeout: Seconds one pod has to accept, TLS and the caller's own dialling
            included, default 1: inside a cluster an answer takes milliseconds.
        timeout: Seconds a whole call may take, its looks and all attempts included,
            default 10.
        stagger: Seconds after which the next address of the same pod is tried beside the
            one before it, default 0.25 (RFC 8305, section 5): one family may be
            black-holed.
        eject_after: Failures in a row after which a pod is left out, default 5; 0: never.
        eject_for: Seconds for which it is left out, times the number of times it was,
            default 30. Then one connection tries it, and a failure leaves it out again.
        eject_at_most: Seconds it is left out at most, default 300.
        order: ``"round_robin"`` (default), ``"random"``, ``"ordinal"`` (the lowest first),
            or a function that takes the candidates and gives those to be tried, in order.
        exclude_self: Whether this pod itself is no candidate, default False.
        retries: How many more rounds over the candidates are made where all of them
            failed, with growing pauses and a fresh look between them, default 0.

    Raises:
        ConfigError: A value that cannot be meant, named.
    """

    __slots__ = (
        "attempt_timeout",
        "eject_after",
        "eject_at_most",
        "eject_for",
        "exclude_self",
        "order",
        "retries",
        "stagger",
        "timeout",
    )
    attempt_timeout: float
    timeout: float
    stagger: float
    eject_after: int
    eject_for: float
    eject_at_most: float
    order: Order
    exclude_self: bool
    retries: int

    def __init__(
        self,
        *,
        attempt_timeout: float = 1.0,
        timeout: float = 10.0,
        stagger: float = STAGGER,
        eject_after: int = 5,
        eject_for: float = 30.0,
        eject_at_most: float = 300.0,
        order: Order = "round_robin",
        exclude_self: bool = False,
        retries: int = 0,
    ) -> None:
        if not callable(order) and order not in (ROUND_ROBIN, RANDOM, ORDINAL):
            raise _unusable("order", order, "'round_robin', 'random', 'ordinal' or a function")
        if not isinstance(exclude_self, bool):
            raise _unusable("exclude_self", exclude_self, "True or False")
        self._set(
            attempt_timeout=_seconds("attempt_timeout", attempt_timeout),
            timeout=_seconds("timeout", timeout),
            stagger=_seconds("stagger", stagger),
            eject_after=_count("eject_after", eject_after),
            eject_for=_seconds("eject_for", eject_for),
            eject_at_most=_seconds("eject_at_most", eject_at_most),
            order=order,
            exclude_self=exclude_self,
            retries=_count("retries", retries),
        )

    def replace(self, **changes: Any) -> ConnectPolicy:
        """The same policy with some of its fields changed.

        Raises:
            ConfigError: As the constructor.
            TypeError: There is no field of that name.
        """
        fields = {name: getattr(self, name) for name in self.__slots__}
        return ConnectPolicy(**{**fields, **changes})


def _seconds(field: str, value: object) -> float:
    if not is_number(value) or not 0 < value <= _MOST_SECONDS:
        raise _unusable(field, value, "a number of seconds, more than 0, at most 86400")
    return float(value)


def _count(field: str, value: object) -> int:
    if type(value) is not int or not 0 <= value <= 1000:
        raise _unusable(field, value, "a whole number, 0 to 1000")
    return value


def _unusable(field: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(f"connect.{field}", f"{ascii(value)[:100]} is not usable: {wanted}")
