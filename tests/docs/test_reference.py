"""The reference pages name what there is, and nothing else."""

from __future__ import annotations

import inspect
import re

import pytest

import headless_discovery
from headless_discovery import ConnectPolicy, PollPolicy, Status, errors
from tests.docs.pages import REPOSITORY, table, tables

REFERENCE = REPOSITORY / "docs/reference"


@pytest.mark.parametrize(
    ("page", "policy"), [("policy.md", PollPolicy), ("connect-policy.md", ConnectPolicy)]
)
def test_policy_fields(page: str, policy: type[PollPolicy | ConnectPolicy]) -> None:
    """Each field of a policy is in the tables once, with its default, its unit, a reason."""
    described = {}
    for rows in tables((REFERENCE / page).read_text(), "field", "default", "unit"):
        for field, default, unit, why in rows:
            assert field not in described, field
            assert why, field
            assert unit == unit_of(policy, field), field
            described[field] = default
    parameters = inspect.signature(policy).parameters.values()
    assert described == {each.name: repr(each.default) for each in parameters}
    assert set(described) == set(policy.__slots__)


def unit_of(policy: type[PollPolicy | ConnectPolicy], field: str) -> str:
    """What the unit of a field must be, by its name and its type."""
    default = inspect.signature(policy).parameters[field].default
    if isinstance(default, bool | str):
        return ""
    if field.endswith("jitter"):
        return "share"
    if field in ("eject_after", "retries"):
        return {"eject_after": "failures", "retries": "rounds"}[field]
    return "answers" if isinstance(default, int) else "seconds"


def test_status_fields() -> None:
    """The table of "Follow a Service" explains each field of the status, and no other."""
    page = (REPOSITORY / "docs/howto/follow-a-service.md").read_text()
    named = ", ".join(row[0] for row in table(page, "status()")).split(", ")
    assert sorted(named) == sorted(Status.__slots__)


def test_every_export_is_described() -> None:
    """Each public name has its entry in the reference, and each entry is a public name."""
    text = "".join(path.read_text() for path in REFERENCE.glob("*.md"))
    entries = re.findall(
        r"auto(?:class|function|exception):: headless_discovery\.(\w+)$", text, re.MULTILINE
    )
    assert sorted(entries) == sorted(set(headless_discovery.__all__) - {"__version__"})


def test_every_error_is_in_the_table() -> None:
    """The table of errors names each error, and what else it is."""
    rows = table((REFERENCE / "errors.md").read_text(), "error", "is also")
    told = {row[0]: set(row[1].split(", ")) for row in rows}
    assert told == {
        name: {base.__name__ for base in getattr(errors, name).__bases__} for name in errors.__all__
    }
