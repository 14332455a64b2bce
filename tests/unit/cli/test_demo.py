"""``headless-discovery demo``: every step is shown, it ends by itself, and can be recorded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from headless_discovery.core.timeline import read_recording
from tests.faces import REPOSITORY, command

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_shows_the_main_job(tmp_path: Path) -> None:
    """List, scaling, a rolling restart, DNS out with nobody removed, a pod gone, the picture."""
    record = tmp_path / "demo.jsonl"
    done = command("demo", "--pause", "20ms", "--record", str(record))
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert "\x1b" not in text
    for ordinal in range(3):
        assert f"  mysql-{ordinal}.my-database.shop.svc.cluster.local\n" in text
    listed, scaled, restarted, silent, gone = re.split(
        r"\n(?=The StatefulSet is|A rolling|DNS goes)", text
    )
    assert listed.count("there at the start") == 3
    assert scaled.count("  added") == 2
    assert [restarted.count("  removed: "), restarted.count("  added")] == [5, 5]
    assert silent.count("! ") == 2
    assert "removed" not in silent
    assert re.search(r"~ .* mysql-1 .* new address", silent)
    assert gone.count("  removed: missing from 2 answers") == 1
    assert "█ member   ◆ new address   ░ DNS failed (timeout" in gone
    assert "(Not seen within" not in text
    assert f"timeline {record} -o svg" in text
    with record.open("rb") as file:
        timeline = read_recording(file, "demo")
    assert [row.name for row in timeline.rows] == [f"mysql-{n}" for n in range(5)]
    assert len(timeline.outages) == 1
    assert timeline.remarks == ()


def test_a_reader_that_leaves() -> None:
    """Ends it."""
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-m", "headless_discovery", "demo", "--pause", "1ms"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
        assert process.wait(timeout=20) == 141
    assert errors == ""


def test_the_picture_in_the_docs() -> None:
    """Is one that this version draws: its style is ours, and it shows the demo's pods."""
    from headless_discovery.core.picture import picture
    from tests.unit.core.recordings import Recording

    page = (REPOSITORY / "docs/_static/demo-timeline.svg").read_text()
    (ours,) = re.findall(r"<style>.*</style>", picture(Recording().read()), re.DOTALL)
    assert ours in page
    for text in ("mysql-0", "mysql-4", "DNS failed", "10.244.0.12", "looks"):
        assert f">{text}" in page, text
