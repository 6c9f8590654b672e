"""What is asked for all letters of a batch at once: which of their names any letter of the site has. Most are in none,
and then nothing more is asked for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, literal_column, select

from wherefrom.db import Prepared, Tx
from wherefrom.db.keys import listed
from wherefrom.inbox.tables import message

_FINISHED = message.c.status.in_([literal_column(f"'{one}'") for one in ("sorted", "taken", "unreadable")])


def _which(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Prepared:
    """Of a list of texts those that are in ``column``. A look into its index for each: a list of all rows with any of
    them would grow with the letters of a machine that writes daily."""
    asked = listed("asked")
    of_site = message.c.site_id == bindparam("of_site")
    return Prepared(select(asked.c.value).where(exists().where(of_site, column == asked.c.value, *conditions)))


_MESSAGE_IDS = _which(message.c.message_id)
_SENDERS = _which(message.c.from_address)
_CONTENTS = _which(message.c.sha256, _FINISHED)


async def list_known_ids(tx: Tx, site_id: int, message_ids: Iterable[str]) -> set[str]:
    """Which of these Message-IDs the site has letters of, in whatever state."""
    return await _ask(tx, _MESSAGE_IDS, site_id, message_ids)


async def list_known_senders(tx: Tx, site_id: int, addresses: Iterable[str]) -> set[str]:
    """Which of these, in lower case, have written to the site."""
    return await _ask(tx, _SENDERS, site_id, addresses)


async def list_finished_contents(tx: Tx, site_id: int, sha256s: Iterable[str]) -> set[str]:
    """Which of these contents a finished letter of the site has."""
    return await _ask(tx, _CONTENTS, site_id, sha256s)


async def _ask(tx: Tx, which: Prepared, site_id: int, texts: Iterable[str]) -> set[str]:
    asked = sorted(set(texts))
    return {value for (value,) in await tx.fetch(which, {"of_site": site_id, "asked": asked})} if asked else set()
