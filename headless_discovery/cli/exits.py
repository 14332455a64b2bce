"""The exit codes of the command, all in one place: scripts depend on them."""

from __future__ import annotations

__all__ = [
    "BROKEN_PIPE",
    "CANNOT_EXECUTE",
    "COMMAND_NOT_FOUND",
    "DNS_FAILED",
    "FOUND",
    "INTERRUPTED",
    "NONE_FOUND",
    "NOT_HEADLESS",
    "NO_CONNECTION",
    "OUTPUT_FAILED",
    "SOFTWARE",
    "TERMINATED",
    "TIMED_OUT",
    "USAGE",
]

FOUND = 0
NONE_FOUND = 1  # DNS says with authority that nobody is there
USAGE = 2  # a wrong flag, a bad name, missing configuration
DNS_FAILED = 3  # no complete answer: nothing is known
NOT_HEADLESS = 5  # the Service has a virtual address
NO_CONNECTION = 6  # nobody accepts, or who does is not whom its certificate names
SOFTWARE = 70  # a defect of this program (EX_SOFTWARE); never 1, which says "nobody is there"
OUTPUT_FAILED = 74  # stdout is closed or full (EX_IOERR)
TIMED_OUT = 124  # the limit of a waiting has passed, as timeout(1) counts
CANNOT_EXECUTE = 126  # the command behind -- is there and does not start, as env(1) counts
COMMAND_NOT_FOUND = 127  # the command behind -- is not there, as env(1) counts
INTERRUPTED = 130  # 128 + SIGINT, as a shell counts
BROKEN_PIPE = 141  # 128 + SIGPIPE
TERMINATED = 143  # 128 + SIGTERM
