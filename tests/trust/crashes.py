"""Killing a child with -9 at a chosen point. The hooks are here and in no code of the product."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event, select

from storage.store import Store
from storage.tables import metadata

# Numbers that a rolled back transaction uses up on PostgreSQL, and what refers to them.
NUMBERS = frozenset({"document_id", "record_id", "seq", "change_seq", "note_id", "id", "modified_seq"})


def kill_at_statement(engine: Engine, number: int) -> None:
    """This process dies before its statement of that number; commits count, too."""
    left = [number]

    def count(*_arguments: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", count)


def kill_at_line(file: str, number: int) -> None:
    """This process dies before the line of that number that it runs of a source file, in order of execution."""
    left = [number]

    def trace(frame: FrameType, kind: str, _value: object) -> Any:  # Any: a trace function returns itself
        if not frame.f_code.co_filename.endswith(file):
            return None
        if kind == "line":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def run_child(work: Callable[[], None]) -> bool:
    """Runs the work in a forked child; True when it came to its end, False when it was killed."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return True


def dump(store: Store, *, leave_out: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Every row of every table, sorted, without the columns named."""
    with store.read() as connection:
        return {
            table.name: sorted(
                repr([row[column.name] for column in table.columns if column.name not in leave_out])
                for row in connection.execute(select(table)).mappings()
            )
            for table in metadata.sorted_tables
        }
