"""Figures of the runs in words: tables for people, and for the records in the docs.

In come reports, out comes text. Decides nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cluster.judging import ADDITION, MOVE, REMOVAL, Bounds
from tests.cluster.replicas import COUNTING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.cluster.blackouts import Blackout
    from tests.cluster.nobody import Nobody
    from tests.cluster.replicas import Change
    from tests.cluster.storm import Report, Row

_JITTER = 0.2

_FOLLOWER_HEAD = (
    *("follower", "looks", "failed", "sends", "told", "judged"),
    *("false -", "false +", "unproven +", "missed", "broken", "streaks", "back within"),
)

_REPLICAS_HEAD = (
    *("caches", "kind", "changes", "one event", "extra", "wrong end"),
    *("extra: same answers undamped", "extra: undamped, 1 s", "p50", "max"),
)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` of them do not exceed; None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def formula(lifetime: float, interval: float) -> tuple[float, float]:
    """Mean and worst detection of a poller, without what the cluster itself takes.

    Half a cache's life and half an interval on average; at worst all of both.
    """
    return (lifetime + interval) / 2, lifetime + interval * (1 + _JITTER)


def storm_table(report: Report) -> str:
    """Two tables: what each follower did, and how fast each kind of cache lets one be."""
    head = (
        f"{len(report.made)} changes asked for, {report.true} changes of the truth, "
        f"{report.kills} kills, {report.away[1] - report.away[0]:.0f} s without the API server "
        f"and until all were in step, {report.seconds:.0f} s in all; truth unwatched for "
        f"{report.longest_blind * 1000:.0f} ms at most"
    )
    lines = [
        head,
        "",
        *_columns(
            _FOLLOWER_HEAD,
            (_follower_row(row) for row in report.rows),
        ),
        "",
        *_columns(
            ("c", "kind", "n", "p50", "p99", "max", "bound", "formula T=1", "formula T=5"),
            _latency_rows(report.rows),
        ),
        "",
        *report.faults,
        *(
            f"unproven: {row.follower.name}: {each}"
            for row in report.rows
            for each in row.verdict.unproven
        ),
    ]
    return "\n".join(lines)


def storm_record(report: Report) -> str:
    """All that happened as JSON, times in seconds: for who must find out why."""
    return json.dumps(
        {
            "made": report.made,
            "truth": report.truth,
            "blind": report.blind,
            "followers": {
                row.follower.name: {
                    "told": [change._asdict() for change in row.follower.told],
                    "looks": row.follower.looks,
                    "answers": row.follower.answers,
                    "outages": row.recoveries.felt,
                }
                for row in report.rows
            },
        },
        default=sorted,  # sets of addresses
    )


def replicas_table(changes: Sequence[Change]) -> str:
    """How many changes were told for each true one, by the way of caching and the kind."""
    rows = []
    for caching, kind in sorted({(each.caching, each.kind) for each in changes}):
        those = [each for each in changes if (each.caching, each.kind) == (caching, kind)]
        seconds = [each.seconds for each in those]
        rows.append(
            (
                caching,
                kind,
                str(len(those)),
                str(sum(each.damped == 1 for each in those)),
                str(sum(each.damped - 1 for each in those)),
                str(sum(not each.is_right for each in those)),
                str(sum(each.answers - 1 for each in those)),
                str(sum(each.undamped - 1 for each in those)),
                *(_seconds(percentile(seconds, share)) for share in (0.5, 1.0)),
            )
        )
    return "\n".join(_columns(_REPLICAS_HEAD, rows))


def replicas_faults(changes: Iterable[Change]) -> list[str]:
    """What must not be: a wrong end, and more than one event where a follower can know.

    Where `keepttl` hides the cache an addition or a removal may be several events.
    """
    return [
        str(each)
        for each in changes
        if not each.is_right
        or each.damped < 1
        or (each.damped > 1 and (each.caching == COUNTING or each.kind == MOVE))
    ]


def blackout_text(name: str, seen: Blackout) -> str:
    """One line about a name server that was away."""
    return (
        f"{name}: {seen.seconds:.1f} s, {seen.changes} changes told, looks failed with "
        f"{', '.join(sorted(seen.kinds))}; stale_for off by {seen.stale_off:.2f} s at most and "
        f"{seen.stale_behind:.2f} s behind the outage (allowed {seen.allowed_behind:.2f} s); "
        f"back {seen.recoveries.longest:.2f} s after it"
    )


def nobody_text(lifetime: float, back: Nobody, away: Nobody) -> str:
    """One line about Services whose pods were all gone."""
    told = ", ".join(
        f"{members} members after {when - away.since:.2f} s" for when, members in away.changes
    )
    return (
        f"nobody, c = {lifetime:.0f}: gone for {back.until - back.since:.1f} s: "
        f"{len(back.changes)} changes told; gone for good: {told or 'nothing told'} "
        f"(allowed {Bounds(lifetime).nobody:.1f} s)"
    )


def _follower_row(row: Row) -> tuple[str, ...]:
    verdict, follower = row.verdict, row.follower
    failed = sum(not look.good for look in follower.looks)
    figures = (len(follower.looks), failed, follower.sends, len(follower.told), verdict.judged)
    faults = (
        *(verdict.false_removals, verdict.false_additions, verdict.unproven),
        *(verdict.missed, verdict.broken),
    )
    return (
        follower.name,
        *map(str, figures),
        *(str(len(each)) for each in faults),
        str(row.recoveries.streaks),
        f"{row.recoveries.longest:.2f}",
    )


def _latency_rows(rows: Iterable[Row]) -> Iterable[tuple[str, ...]]:
    by_cache: dict[float, list[Row]] = {}
    for row in rows:
        by_cache.setdefault(row.block.lifetime, []).append(row)
    for lifetime, those in by_cache.items():
        bounds = Bounds(lifetime)
        removal = bounds.seen + bounds.counting
        for kinds, bound in (
            ((ADDITION, MOVE), f"{bounds.seen:.1f}"),
            ((REMOVAL,), f"{removal:.1f}, of most {removal + bounds.counting:.1f}"),
        ):
            values = [
                each
                for row in those
                for kind in kinds
                for each in row.verdict.latencies.get(kind, ())
            ]
            formulas = (formula(lifetime, 1.0), formula(lifetime, 5.0))
            yield (
                f"{lifetime:.0f}",
                " / ".join(kinds),
                str(len(values)),
                *(_seconds(percentile(values, share)) for share in (0.5, 0.99, 1.0)),
                bound,
                *(f"{mean:.1f} / {worst:.1f}" for mean, worst in formulas),
            )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[n]) for row in table) for n in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
