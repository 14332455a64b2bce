"""The table of misbehaving servers: every row, in the order of the page, under its heading."""

from __future__ import annotations

from tests.scenarios import (
    rows_content,
    rows_datagrams,
    rows_malformed,
    rows_servers,
    rows_streams,
)

TABLE = {
    "Packets that are not the answer": rows_datagrams.ROWS,
    "Cut answers, TCP, and many pods": rows_streams.ROWS,
    "Malformed messages": rows_malformed.ROWS,
    "Answers that hold what they should not": rows_content.ROWS,
    "Servers that fail, and what the pod was told": rows_servers.ROWS,
}

ROWS = [row for rows in TABLE.values() for row in rows]
