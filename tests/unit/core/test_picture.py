"""Pictures: the SVG is well-formed, needs nothing else, and shows what was recorded."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from headless_discovery.core.picture import picture
from tests.unit.core.recordings import Recording, endpoint

if TYPE_CHECKING:
    from headless_discovery.core.timeline import Timeline

SVG = "{http://www.w3.org/2000/svg}"


def drawn(timeline: Timeline) -> ET.Element:
    """The picture as a tree; this fails where it is not well-formed."""
    return ET.fromstring(picture(timeline))  # noqa: S314 - made by us


def by_class(tree: ET.Element, name: str) -> list[ET.Element]:
    """All elements of a class."""
    return [each for each in tree.iter() if name in each.get("class", "").split()]


def told(elements: list[ET.Element]) -> list[str]:
    """Their tooltips, of those that have one."""
    return [text for each in elements if (text := each.findtext(f"{SVG}title"))]


def bars(tree: ET.Element) -> list[tuple[float, float]]:
    """Where the bars of pods begin and how wide they are."""
    return [
        (float(each.get("x", "")), float(each.get("width", "")))
        for each in by_class(tree, "hd-bar")
        if each.find(f"{SVG}title") is not None
    ]


def test_bars_moves_and_failures() -> None:
    """One bar for each time somebody was there, marks with the new address, DNS shaded."""
    tree = drawn(
        Recording()
        .look(0)
        .change(0, endpoint(0), endpoint(1))
        .change(10, endpoint(0, "10.0.0.9"), endpoint(1))
        .change(20, endpoint(0, "10.0.0.9"))
        .look(22, "FAILED", "timeout")
        .look(26, "FAILED", "servfail")
        .look(30)
        .change(30, endpoint(0, "10.0.0.9"), endpoint(1))
        .end(40)
        .read()
    )
    assert tree.findtext(f"{SVG}title") == "Members of db.shop.svc.cluster.local"
    (first, second, third) = bars(tree)
    assert first[1] == pytest.approx(2 * second[1], abs=0.3)
    assert third[0] == pytest.approx(second[0] + 1.5 * second[1], abs=0.3)
    assert told(by_class(tree, "hd-move")) == [
        "db-0: 10.0.0.1 -> 10.0.0.9, 2026-07-29 12:00:10.000"
    ]
    shades = [each for each in tree.iter() if each.get("fill") == "url(#hd-lines)"]
    (shade,) = told(shades)
    assert shade.startswith(
        "DNS failed 8.0 s, 2026-07-29 12:00:22.000 to 2026-07-29 12:00:30.000: "
    )
    assert shade.endswith(": timeout, servfail in 2 looks; nobody is removed for that")
    texts = [each.text for each in tree.iter(f"{SVG}text")]
    for text in ("DNS failed 8.0 s", "db-0", "db-1", "10.0.0.1", "10.0.0.9", "12:00:10", "UTC"):
        assert text in texts, text
    assert len(by_class(tree, "hd-good") + by_class(tree, "hd-bad")) == 2


def test_it_needs_nothing_else() -> None:
    """No script, no font, no address of anything outside; colours for light and dark."""
    text = picture(Recording().change(0, endpoint(0)).look(1, "FAILED").end(2).read())
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    for word in ("<script", "@import", "@font-face", "href", "url(http"):
        assert word not in text
    assert "prefers-color-scheme: dark" in text


def test_hostile_texts_are_escaped() -> None:
    """Markup in a name or an address is text."""
    evil = '"><script>alert(1)</script>&'
    pod = endpoint(0, evil, name=evil)
    recording = Recording().look(0, "FAILED", evil).change(0, pod)
    recording.change(1, endpoint(0, "10.0.0.1" + evil, name=evil))
    tree = drawn(recording.end(2).read())
    assert not list(tree.iter(f"{SVG}script"))
    assert any(evil in (each.text or "") for each in tree.iter(f"{SVG}title"))


def test_a_moment_away_is_seen() -> None:
    """A second in three days is a gap of two pixels; many marks in one place share one."""
    recording = Recording().change(0, endpoint(0)).change(100).change(101, endpoint(0))
    for number in range(12):
        recording.change(100_000 + number, endpoint(0, f"10.0.1.{number}"))
    tree = drawn(recording.end(3 * 86400).read())
    (first, second) = bars(tree)
    assert second[0] - (first[0] + first[1]) == pytest.approx(2, abs=0.2)
    (title,) = told(by_class(tree, "hd-move"))
    assert len(title.splitlines()) == 9
    assert title.endswith("and 4 more")


def test_a_hundred_pods() -> None:
    """Rows get thin, and only some of them are named: no name stands on another."""
    timeline = Recording().change(0, *map(endpoint, range(100))).end(10).read()
    tree = drawn(timeline)
    assert len(bars(tree)) == 100
    places = [float(each.get("y", "")) for each in by_class(tree, "hd-name")]
    assert len(places) > 20
    assert min(b - a for a, b in pairwise(places)) >= 12
    assert float(tree.get("height", "")) < 1200
    assert not by_class(tree, "hd-in")


def test_labels_of_outages_leave_each_other_room() -> None:
    """Of many short ones only some are labelled; all are shaded."""
    recording = Recording()
    for number in range(0, 200, 2):
        recording.look(number, "FAILED", "timeout").look(number + 1)
    tree = drawn(recording.end(200).read())
    labels = by_class(tree, "hd-red")
    assert 1 < len(labels) < 20
    assert len(by_class(tree, "hd-out")) == 101  # one of them in the legend


def test_what_comes_and_goes_faster_than_can_be_drawn() -> None:
    """Is drawn as a comb as long as it took, bands that touch as one; the file stays small."""
    recording = Recording()
    for number in range(0, 40_000, 20):
        recording.look(number, "FAILED", "timeout").look(number + 5).change(number, endpoint(0))
        recording.change(number + 10)
    timeline = recording.end(80_000).read()
    tree = drawn(timeline)
    places = bars(tree)
    assert 100 < len(places) < 200
    assert all(b[0] - (a[0] + a[1]) > 1.8 for a, b in pairwise(places))
    plot = by_class(tree, "hd-track")[0]
    middle = float(plot.get("x", "")) + float(plot.get("width", "")) / 2
    assert places[-1][0] == pytest.approx(middle, abs=4)
    assert len(by_class(tree, "hd-out")) == 2  # one of them in the legend
    (label,) = by_class(tree, "hd-red")
    assert label.text == "DNS failed 2,000 x, 2 h 46 min"
    assert len(picture(timeline)) < 60_000


def test_nobody_ever_and_remarks() -> None:
    """A recording of nothing is a picture too, and says what is wrong with it."""
    tree = drawn(Recording().read())
    texts = [each.text or "" for each in tree.iter(f"{SVG}text")]
    assert "nobody was a member" in texts
    assert any(text.startswith("(the recording has no end") for text in texts)
    assert not by_class(tree, "hd-move")


def test_a_long_name() -> None:
    """Is shortened beside its bar and whole in its tooltip."""
    name = "x" * 200
    tree = drawn(Recording().change(0, endpoint(0, name=name)).end(1).read())
    assert by_class(tree, "hd-name")[0].text == "x" * 33 + "..."
    assert name in told(by_class(tree, "hd-bar"))[0]
