"""The environment twins of flags: ``HEADLESS_DISCOVERY_<FLAG>``.

They stand in for a flag that is not given. What cannot be used is refused under the
variable's own name: the user who set it may never have typed the flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..errors import ConfigError
from ..resolvconf import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["Twins"]

Kind = TypeVar("Kind")

_TRUTHS = {"1": True, "true": True, "yes": True, "on": True}
_TRUTHS |= {"0": False, "false": False, "no": False, "off": False}


class Twins:
    """Reads the twins.

    Args:
        environ: The environment.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        """The variable, None where it is missing or empty.

        A ``..._PORT`` that begins with ``tcp://``, ``udp://`` or ``sctp://`` is the link
        that Kubernetes sets for a Service of that name, and no twin of ``--port``.
        """
        value = self._environ.get(PREFIX + name) or None
        if name.endswith("PORT") and value and value.startswith(("tcp://", "udp://", "sctp://")):
            return None
        return value

    def value(self, name: str, kind: Callable[[str], Kind], default: Kind) -> Kind:
        """The variable converted.

        Raises:
            ConfigError: ``kind`` refused it.
        """
        text = self.text(name)
        if text is None:
            return default
        try:
            return kind(text)
        except Exception as error:  # noqa: BLE001 - argparse's types raise what they like
            reason = str(error) or "it is not usable"
            raise ConfigError(PREFIX + name, reason) from None

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """The variable where it is one of ``choices``.

        Raises:
            ConfigError: It is none of them.
        """

        def chosen(text: str) -> str:
            if text not in choices:
                raise ValueError(f"{text[:40]!r} is none of {', '.join(choices)}")
            return text

        return self.value(name, chosen, default)

    def truth(self, name: str) -> bool:
        """The variable as yes or no; no where it is missing.

        Raises:
            ConfigError: It is neither.
        """

        def said(text: str) -> bool:
            try:
                return _TRUTHS[text.strip().lower()]
            except KeyError:
                raise ValueError(f"{text[:40]!r} is neither 1 nor 0 (yes, no)") from None

        return self.value(name, said, default=False)
