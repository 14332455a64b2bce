"""The base of the public values: frozen, slotted, compared and hashed by content.

Written out because importing ``dataclasses`` costs more start-up time than all of
this library.
"""

from __future__ import annotations

from typing import Any, TypeGuard

__all__ = ["Value", "is_coroutine_function", "is_number", "is_plain_function"]

_CO_COROUTINE = 0x80  # ``inspect`` has it, and costs more start-up than all of this


class Value:
    """A frozen object whose identity is the content of its slots.

    A subclass names its fields in ``__slots__``, fills them once with ``_set`` and may
    leave some out of comparison with ``_compared``. A slot that begins with ``_`` is
    derived from the others: not compared and not shown.
    """

    __slots__: tuple[str, ...] = ()

    def _set(self, **fields: object) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__ if name[0] != "_")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._compared()))

    def __repr__(self) -> str:
        fields = ", ".join(
            f"{name}={getattr(self, name)!r}" for name in self.__slots__ if name[0] != "_"
        )
        return f"{type(self).__name__}({fields})"

    # Slots have no __dict__ to pickle, and __setattr__ refuses: copy and pickle go here.
    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            object.__setattr__(self, name, value)

    def __copy__(self) -> Value:
        return self

    def __deepcopy__(self, memo: object) -> Value:
        return self


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number; True is none, although Python counts with it."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_coroutine_function(function: object) -> bool:
    """Whether calling it does nothing until somebody awaits the result."""
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


def is_plain_function(function: object) -> bool:
    """Whether it can be called, and what it does is done then."""
    return callable(function) and not is_coroutine_function(function)
