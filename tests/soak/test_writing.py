"""The peer file under SIGKILL: whole whenever somebody looks, and swept at the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak.writing import is_document, is_made, kill_command, kill_loop, made

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.soak.writing import Outcome

KILLS = 10


@pytest.mark.parametrize("kill", [kill_command, kill_loop])
def test_killed_while_it_writes(kill: Callable[[Path, int], Outcome], tmp_path: Path) -> None:
    """A reader in a tight loop never finds a part of a content, or none; nothing is left."""
    outcome = kill(tmp_path, KILLS)
    assert outcome.kills == KILLS
    assert outcome.inside >= 1  # some were in the middle of a write
    assert outcome.reads > 1000
    assert outcome.contents >= 3
    assert (outcome.torn, outcome.empty, outcome.left) == (0, 0, 0)


def test_a_torn_file_would_be_seen() -> None:
    """Any part of a content that is not all of it is told from a whole one."""
    content = made(5).encode()
    assert is_made(content)
    assert not any(is_made(content[:end]) for end in range(0, len(content), 97))
    document = b'{"endpoints": [{"name": "mysql-0"}]}\n'
    assert is_document(document)
    assert not any(is_document(document[:end]) for end in range(len(document)))
