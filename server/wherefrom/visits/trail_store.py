"""SQL of what a visit left: the pages it saw, and the signs it gave that a letter may follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import func, literal, select

from wherefrom.db import Prepared, Tx
from wherefrom.visits.tables import intent, pageview, visit

_ADD_INTENT = Prepared(intent.insert())


class NewPageview(Struct, frozen=True, gc=False):
    """A further page. The one a visit begins with is in the visit's row."""

    site_id: int
    id: int
    visit_id: int
    page: str
    title: str
    referrer: str
    seen_at: datetime


_ADD_PAGEVIEW = Prepared(pageview.insert(), of=NewPageview)


class Intent(Struct, frozen=True):
    """A sign that a visitor was about to write. ``kind``: visible, mailto, copy, select; ``address`` as shown."""

    kind: str
    address: str
    page: str
    seen_at: datetime


class Pageview(Struct, frozen=True):
    page: str
    title: str
    referrer: str
    seen_at: datetime


async def append_pageviews(tx: Tx, new: Sequence[NewPageview]) -> None:
    await tx.append(_ADD_PAGEVIEW, new)


async def list_pageviews(tx: Tx, site_id: int, visit_id: int, limit: int = 200) -> list[Pageview]:
    """The visit's pages in the order they were shown."""
    landing = visit.c.landing_page, visit.c.landing_title, visit.c.landing_referrer, visit.c.started_at
    first = select(literal(0).label("id"), *landing).where(
        visit.c.site_id == site_id, visit.c.id == visit_id, visit.c.landing_title.is_not(None)
    )
    shown = pageview.c.page, pageview.c.title, pageview.c.referrer, pageview.c.seen_at
    further = select(pageview.c.id, *shown).where(pageview.c.site_id == site_id, pageview.c.visit_id == visit_id)
    pages = first.union_all(further)
    by_time = pages.selected_columns.started_at, pages.selected_columns.id
    return [Pageview(*row[1:]) for row in await tx.execute(pages.order_by(*by_time).limit(limit))]


async def append_intent(tx: Tx, site_id: int, id_: int, visit_id: int, sign: Intent) -> None:
    row = {"kind": sign.kind, "address": sign.address, "page": sign.page, "seen_at": sign.seen_at}
    await tx.append(_ADD_INTENT, [{"site_id": site_id, "id": id_, "visit_id": visit_id, **row}])


async def count_intents(tx: Tx, site_id: int, visit_id: int) -> int:
    mine = select(func.count()).select_from(intent)
    return int((await tx.execute(mine.where(intent.c.site_id == site_id, intent.c.visit_id == visit_id))).scalar_one())


async def list_intents(tx: Tx, site_id: int, visit_id: int, limit: int = 500) -> list[Intent]:
    """The visit's signs in the order they were given."""
    columns = (intent.c.kind, intent.c.address, intent.c.page, intent.c.seen_at)
    mine = select(*columns).where(intent.c.site_id == site_id, intent.c.visit_id == visit_id)
    rows = await tx.execute(mine.order_by(intent.c.seen_at, intent.c.id).limit(limit))
    return [Intent(*row) for row in rows]
