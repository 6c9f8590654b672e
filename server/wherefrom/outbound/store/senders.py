"""Rows of ``sender``: the account a site's letters go out by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, delete, select, update

from wherefrom.db import Tx, insert
from wherefrom.errors import NotFound
from wherefrom.mail.smtp import Security
from wherefrom.outbound.dkim import DkimKey
from wherefrom.outbound.tables import sender

Status = Literal["new", "working", "failing"]
_COLUMNS = tuple(column.name for column in sender.c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """``password`` is sealed, "" for none. ``bounce_address`` "": letters return to ``from_address``. ``quiet_until``:
    nothing is tried before; ``told``: an event tells that it fails. ``revision`` grows with each change."""

    site_id: int
    host: str
    port: int
    security: Security
    username: str
    password: str
    ca_file: str
    from_address: str
    from_name: str
    bounce_address: str
    per_hour: int | None
    connections: int
    dkim: tuple[DkimKey, ...]
    status: Status
    status_detail: str
    status_hint: str
    status_at: datetime
    failures: int
    failing_since: datetime | None
    told: bool
    quiet_until: datetime | None
    paced_until: datetime | None
    revision: int
    created_at: datetime


async def find_sender(tx: Tx, site_id: int) -> Sender | None:
    row = (await tx.execute(select(sender).where(sender.c.site_id == site_id))).first()
    return None if row is None else _value(row)


async def get_sender(tx: Tx, site_id: int) -> Sender:
    """NotFound when the site has no account to send by."""
    found = await find_sender(tx, site_id)
    if found is None:
        raise NotFound(
            "the site has no account to send by",
            hint="PUT …/sender sets one (wherefrom sender set); without it send the letters by your own mailer",
        )
    return found


async def lock_sender(tx: Tx, site_id: int) -> Sender | None:
    """As ``find_sender``, and keeps other writers off the row until the end of the transaction."""
    row = (await tx.execute(select(sender).where(sender.c.site_id == site_id).with_for_update())).first()
    return None if row is None else _value(row)


async def list_senders(tx: Tx, site_ids: Sequence[int]) -> list[Sender]:
    """Those of these sites."""
    rows = await tx.execute(select(sender).where(sender.c.site_id.in_(site_ids)))
    return [_value(row) for row in rows]


async def replace_sender(tx: Tx, new: Sender) -> None:
    """Writes the site's account, whether or not there was one."""
    values = {name: getattr(new, name) for name in _COLUMNS}
    statement = insert(tx, sender).values(values)
    rest = {name: value for name, value in values.items() if name != "site_id"}
    await tx.execute(statement.on_conflict_do_update(index_elements=["site_id"], set_=rest))


async def set_sender(tx: Tx, site_id: int, values: Mapping[str, Any]) -> None:
    """Writes these columns of a row."""
    await tx.execute(update(sender).where(sender.c.site_id == site_id).values(**values))


async def delete_sender(tx: Tx, site_id: int) -> bool:
    """False when there was none."""
    return bool((await tx.execute(delete(sender).where(sender.c.site_id == site_id))).rowcount)


def _value(row: Row[Any]) -> Sender:
    values = dict(row._mapping)
    values["dkim"] = msgspec.convert(values["dkim"], tuple[DkimKey, ...])
    return Sender(**values)
