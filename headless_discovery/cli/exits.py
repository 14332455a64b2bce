"""The exit codes of the command, all in one place: scripts depend on them."""

from __future__ import annotations

__all__ = [
    "BROKEN_PIPE",
    "DNS_FAILED",
    "FOUND",
    "INTERRUPTED",
    "NONE_FOUND",
    "NOT_HEADLESS",
    "OUTPUT_FAILED",
    "SOFTWARE",
    "USAGE",
]

FOUND = 0
NONE_FOUND = 1  # DNS says with authority that nobody is there
USAGE = 2  # a wrong flag, a bad name, missing configuration
DNS_FAILED = 3  # no complete answer: nothing is known
NOT_HEADLESS = 5  # the Service has a virtual address
SOFTWARE = 70  # a defect of this program (EX_SOFTWARE); never 1, which says "nobody is there"
OUTPUT_FAILED = 74  # stdout is closed or full (EX_IOERR)
INTERRUPTED = 130  # 128 + SIGINT, as a shell counts
BROKEN_PIPE = 141  # 128 + SIGPIPE
