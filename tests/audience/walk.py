"""A walk over every row of every table: what the database knows, wherever it stands."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import select

import wherefrom.management  # noqa: F401 - imports every room, and so every table
from wherefrom.db import metadata
from wherefrom.services import Services


async def all_rows(services: Services) -> dict[str, list[dict[str, Any]]]:
    """Every row by its table."""
    async with services.db.read() as tx:
        return {
            table.name: [dict(row._mapping) for row in await tx.execute(select(table))]
            for table in metadata.sorted_tables
        }


async def find_anywhere(services: Services, *words: str) -> list[tuple[str, dict[str, Any]]]:
    """The rows in which one of the words stands, in any case and however URLs write it."""
    found = []
    for table, rows in (await all_rows(services)).items():
        for row in rows:
            text = json.dumps(row, default=str, ensure_ascii=False)
            seen = (text + unquote_plus(text)).lower()
            if any(word.lower() in seen for word in words):
                found.append((table, row))
    return found
