"""What the C library does in the rows of the misbehaving servers, as the page tells it."""

from __future__ import annotations

from tests.scenarios import libc, page
from tests.scenarios.table import ROWS


def test_getaddrinfo() -> None:
    """Asked on port 53 of namespaces of its own, it does what the last column says.

    The words of its errors are glibc's; another C library may use others.
    """
    said = page.read()
    asked = libc.asked()
    assert list(asked) == [row.id for row in ROWS if row.libc]
    assert asked == {name: said[name].libc for name in asked}
    assert {each.libc for name, each in said.items() if name not in asked} == {page.NOT_ASKED}
