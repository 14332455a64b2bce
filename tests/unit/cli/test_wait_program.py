"""``headless-discovery wait``: the command behind the dashes, before there is a wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headless_discovery.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from headless_discovery.testing import ClusterDNS

SERVICE = "my-database.shop"


def test_commands_that_are_not_there_are_told_before_the_wait(
    cluster_dns: ClusterDNS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, with no question asked; the PATH is searched as for the command itself."""
    wait = ("wait", SERVICE, "--for", "count=9", "--timeout", "100ms", "--")
    (tmp_path / "text").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "program").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", f"{tmp_path / 'no-folder'}:{tmp_path}")
    codes = {"nonexisting": 127, str(tmp_path / "none"): 127, "text": 126, "folder": 126}
    for name, code in codes.items():
        assert main([*wait, name]) == code
    assert cluster_dns.queries == []
    for name in ("program", str(tmp_path / "program")):
        assert main([*wait, name]) == 124
    assert cluster_dns.queries
