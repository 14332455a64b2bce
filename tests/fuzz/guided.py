"""The coverage-guided fuzzer: atheris mutates towards code no message has reached yet.

    python -m tests.fuzz.guided -max_total_time=600 [corpus folder]

It needs the extra ``fuzz``. What it finds, copy into ``findings/``; from then on
`test_findings` holds it against the judge in every run.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["headless_discovery.core"]):
    from headless_discovery.core.wire import check_reply, read_message
    from tests.fuzz.fuzz import examine
    from tests.fuzz.generate import IDENT, SECTION, real_answers

_HEAD = 12 + len(SECTION)
_NAMES: dict[bytes, str] = {}


def one_input(data: bytes) -> None:
    """One message behind our own header and question: those the mutator would only spoil."""
    if len(data) < 9:
        return
    message = IDENT + bytes((data[0] & 0x07 | 0x80, data[1] & 0x8F, 0, 1)) + data[2:8]
    message += SECTION + data[8:]
    assert check_reply(message, IDENT, SECTION) is None
    examine(message, _NAMES, Random(0))


def main() -> None:
    """Run until told to stop; arguments are those of libFuzzer."""
    for answer in real_answers():
        read_message(answer, SECTION)
    arguments = sys.argv
    if not any(not argument.startswith("-") for argument in arguments[1:]):
        corpus = Path(tempfile.mkdtemp(prefix="corpus-"))
        for number, answer in enumerate(real_answers()):
            (corpus / str(number)).write_bytes(answer[2:4] + answer[6:12] + answer[_HEAD:])
        arguments = [*arguments, str(corpus)]
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
