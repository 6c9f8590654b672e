"""What is asked of the database in a test, and how SQLite finds the rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event

from wherefrom.db import Tx
from wherefrom.services import Services


@contextlib.contextmanager
def kept_statements(services: Services, *kinds: str) -> Iterator[dict[str, Any]]:
    """What is asked in the block over the writer's connection, each text once with its last values. ``kinds`` are the
    first words of what is kept; without them all is."""
    found: dict[str, Any] = {}

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(kinds or ""):
            found[statement] = parameters

    event.listen(services.db.sync_engine, "before_cursor_execute", keep)
    try:
        yield found
    finally:
        event.remove(services.db.sync_engine, "before_cursor_execute", keep)


async def list_reads(tx: Tx, statement: str, values: Any) -> list[str]:
    """How SQLite reads each table of the statement, in its own words: ``SEARCH send USING INDEX …``, ``SCAN …``."""
    plan = await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    lines = [str(row._mapping["detail"]) for row in plan]
    return [one for one in lines if one.startswith(("SEARCH", "SCAN"))]
