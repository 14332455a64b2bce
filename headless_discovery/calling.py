"""Calling: what one call of ``connect`` is told, besides whom it may dial.

In: the caller's function, context and wishes, in threads and in asyncio alike. Out: what the
shells dial by, or why it cannot be meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from .core.changes import key_of
from .core.conditions import is_own
from .core.snapshot import Endpoint
from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from .core.connectpolicy import Order
    from .core.dialling import Dialling
    from .core.selection import To
    from .core.snapshot import Snapshot

__all__ = ["ConnectKeywords", "fitted", "verified_name", "wanted"]


class ConnectKeywords(TypedDict, total=False):
    """The keywords of ``connect`` that say whom it may dial, and for how long; see there."""

    to: To | None
    order: Order | None
    exclude_self: bool | None
    attempt_timeout: float | None
    timeout: float | None
    retries: int | None
    wait: bool


def verified_name(
    dial: object, tls: SSLContext | None, tls_name: str, service: Callable[[], str]
) -> Callable[[Endpoint], str | None]:
    """What tells the name to verify; None without TLS.

    Args:
        dial: The caller's own function, or None.
        tls: The context, or None.
        tls_name: ``"pod"`` or ``"service"``.
        service: Tells the Service's FQDN.

    Raises:
        ConfigError: A context that does not verify, or arguments that contradict, or
            nothing that could dial.
    """
    if dial is not None and not callable(dial):
        raise ConfigError("dial", f"{ascii(dial)[:100]} cannot be called")
    if tls_name not in ("pod", "service"):
        raise ConfigError("tls_name", f"{ascii(tls_name)[:100]} is neither 'pod' nor 'service'")
    if tls is None:
        if tls_name != "pod":
            raise ConfigError("tls_name", "there is nothing to verify: give tls= a context")
        return _no_name
    if dial is not None:
        raise ConfigError("tls", "the function that dials makes the connection: give it to that")
    from .tls import check_context, server_name  # noqa: PLC0415 - it loads ssl

    check_context(tls)
    own = service() if tls_name == "service" else None
    return lambda endpoint: server_name(endpoint, own)


def fitted(
    dial: Callable[..., Any] | None, *, pass_timeout: bool
) -> Callable[[Endpoint, float], Any]:
    """The caller's function as it is called: with the seconds, whether it takes them or not.

    Raises:
        ConfigError: There is none.
    """
    if dial is None:
        raise ConfigError("pass_timeout", "there is no function to pass it to")

    def dialled(endpoint: Endpoint, seconds: float) -> Any:
        arguments = (endpoint, seconds) if pass_timeout else (endpoint,)
        try:
            return dial(*arguments)
        except TypeError:
            _check_signature(dial, arguments)
            raise

    return dialled


def wanted(call: Dialling) -> dict[str, Any]:
    """The keywords of ``wait_for`` that wait for somebody a call may dial."""
    to, own = call.to, call.own
    if isinstance(to, int):
        return {"ordinals": (to,)}
    if isinstance(to, str) and not _is_address(to):
        return {"names": (to,)}
    if isinstance(to, str | Endpoint):
        key = to if isinstance(to, str) else key_of(to)

        def is_there(snapshot: Snapshot) -> bool:  # by its address too, where it had no name
            return any(key_of(each) == key or key in each.addresses for each in snapshot)

        return {"predicate": is_there}
    if to is None and own is None:
        return {"count": 1}

    def somebody(snapshot: Snapshot) -> bool:
        others = (each for each in snapshot if own is None or not is_own(each, own))
        return any(to is None or to(each) for each in others)

    return {"predicate": somebody}


def _is_address(text: str) -> bool:
    """Whether it is no pod's name."""
    return ":" in text or (text.count(".") == 3 and text.replace(".", "").isdigit())


def _check_signature(dial: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    """Demand that it can be called so: else no pod is to blame.

    Raises:
        ConfigError: It cannot.
    """
    from inspect import signature  # noqa: PLC0415 - only where something was wrong

    try:
        signature(dial).bind(*arguments)
    except TypeError as error:
        raise ConfigError(
            "dial",
            f"{ascii(dial)[:100]} is called with an endpoint, with pass_timeout=True also with "
            f"the seconds: {error}",
        ) from error
    except ValueError:  # it does not tell
        return


def _no_name(_: Endpoint) -> None:
    return None
