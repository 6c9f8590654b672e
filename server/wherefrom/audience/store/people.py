"""Contacts by what they did (J01).

Each condition asks a contact's own letters (``ix_send_contact``), so that a page walks over contacts, newest first,
until it is full, and never over a site's engagement. The moments of a send's first and last open answer most of it
without a look at single hits: only "between two dates", where one open lies before and one after, asks those of that
send. Where no list and no number is asked for, the contact's own sums answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select, true

from wherefrom.audience.filter import Asked, Filter
from wherefrom.contacts.contact import Contact
from wherefrom.contacts.tables import contact
from wherefrom.db import Tx
from wherefrom.outbound.milestone import Event
from wherefrom.outbound.suppression import ALL
from wherefrom.outbound.tables import send, send_notice, suppression
from wherefrom.tracking.tables import engagement, link
from wherefrom.tracking.verdict import PERSONS

T = TypeVar("T")
_COLUMNS = tuple(contact.c)
_NOTICES: dict[Event, tuple[str, ...]] = {
    "delivered": ("delivered",),
    "failed": ("failed", "rejected"),
    "complained": ("complained",),
    "unsubscribed": ("unsubscribed",),
}
_RARE: tuple[Event, ...] = ("failed", "complained", "unsubscribed")


async def list_people(
    tx: Tx, site_id: int, wanted: Filter, asked: Sequence[Asked], *, limit: int, before: int | None = None
) -> list[Contact]:
    """Contacts that fit, the newest first, those with a lower id than ``before``. ``asked`` are the conditions of
    ``wanted`` with their moments (``filter.resolve``)."""
    query = select(*_COLUMNS).where(*_fits(site_id, wanted, asked))
    if before is not None:
        query = query.where(contact.c.id < before)
    rows = await tx.execute(query.order_by(contact.c.id.desc()).limit(limit))
    return [Contact(**row._mapping) for row in rows]


async def count_people(tx: Tx, site_id: int, wanted: Filter, asked: Sequence[Asked]) -> int:
    """How many contacts fit."""
    query = select(func.count()).select_from(contact).where(*_fits(site_id, wanted, asked))
    return int(await tx.scalar(query))


async def list_lists(tx: Tx, site_id: int, most: int = 100) -> list[str]:
    """The names of a site's lists, by a leap from each to the next along the index (``ix_send_list``)."""
    found: list[str] = []
    while len(found) < most:
        query = select(func.min(send.c.list)).where(send.c.site_id == site_id, send.c.list > (found or [""])[-1])
        name = await tx.scalar(query)
        if name is None:
            break
        found.append(name)
    return found


def _fits(site_id: int, wanted: Filter, asked: Sequence[Asked]) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [contact.c.site_id == site_id]
    if wanted.text:
        words = wanted.text.strip()
        columns = (contact.c.email, contact.c.name, contact.c.reference)
        where.append(or_(*(column.icontains(words, autoescape=True) for column in columns)))
    if wanted.consent is not None:
        where.append(contact.c.consent == wanted.consent)
    if wanted.flag == "mailable":
        where.append(not_(_suppressed()))
    elif wanted.flag is not None:
        own_will = suppression.c.reason == "unsubscribed"
        where.append(_suppressed(own_will if wanted.flag == "unsubscribed" else not_(own_will)))
    if asked:
        all_ = wanted.match == "all"
        happen = [_happens(site_id, one) for one in asked]
        meets = [found if one.happened else not_(found) for one, found in zip(asked, happen, strict=True)]
        where.append(and_(true(), *meets) if all_ else or_(false(), *meets))
    return where


def _suppressed(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(
        suppression.c.site_id == contact.c.site_id,
        suppression.c.email == contact.c.email,
        suppression.c.scope == ALL,
        suppression.c.undone_at.is_(None),
        *more,
    )


def _happens(site_id: int, one: Asked) -> ColumnElement[bool]:
    """Never null, so that it may be denied."""
    known = _by_sums(one)
    if known is not None:
        return known
    if one.event in _RARE and one.times == 1:
        return contact.c.id.in_(_whose(site_id, one))
    letters = _letters(one)
    if one.times > 1:
        return letters.with_only_columns(func.count()).scalar_subquery() >= one.times
    happened: ColumnElement[bool] = letters.exists()
    return or_(happened, _opened_on(one)) if _stands_by_day(one) else happened


def _whose(site_id: int, one: Asked) -> Select[tuple[int]]:
    """The contacts of letters with such a notice: found from the notices, since there are few, and not from each
    contact's letters, of which hardly any has one."""
    query = (
        select(send.c.contact_id)
        .join(send_notice, and_(send_notice.c.site_id == send.c.site_id, send_notice.c.send_id == send.c.id))
        .where(
            send_notice.c.site_id == site_id,  # no word of the contact, so that it is asked once
            send_notice.c.status.in_(_NOTICES[one.event]),
            *_within(send_notice.c.happened_at, one),
        )
    )
    return query if one.list is None else query.where(_value(send.c.list) == one.list)


def _letters(one: Asked) -> Select[tuple[int]]:
    """The contact's letters of which it is true."""
    query = select(send.c.id).where(send.c.site_id == contact.c.site_id, send.c.contact_id == contact.c.id)
    if one.list is not None:
        query = query.where(_value(send.c.list) == one.list)
    if one.event == "sent":
        return query.where(*_within(_value(send.c.created_at), one))
    if one.event == "opened":
        return query.where(_acted(_value(send.c.opened_at), _value(send.c.last_opened_at), one))
    if one.event == "clicked":
        first, last = _value(send.c.clicked_at), _value(send.c.last_clicked_at)
        return query.where(first.is_not(None), _hit(one)) if one.link else query.where(_acted(first, last, one))
    return query.where(
        exists().where(
            send_notice.c.site_id == send.c.site_id,
            send_notice.c.send_id == send.c.id,
            send_notice.c.status.in_(_NOTICES[one.event]),
            *_within(send_notice.c.happened_at, one),
        )
    )


def _value(column: ColumnElement[T]) -> ColumnElement[T]:
    """The same, as a value that no index is made for. SQLite would else take the index of all opens of a site in a
    period for each contact, and not that of the contact's letters: minutes for 100,000 contacts, and not half a
    second."""
    return func.coalesce(column, column)


def _acted(
    first: ColumnElement[datetime | None], last: ColumnElement[datetime | None], one: Asked
) -> ColumnElement[bool]:
    """By the first and the last time a person did it."""
    if one.begin is None and one.end is None:
        return first.is_not(None)
    if one.end is None:
        return and_(last.is_not(None), last >= one.begin)
    if one.begin is None:
        return and_(first.is_not(None), first < one.end)
    return and_(
        first.is_not(None), first < one.end, last >= one.begin, or_(first >= one.begin, last < one.end, _hit(one))
    )


def _hit(one: Asked) -> ColumnElement[bool]:
    """A person's hit of the send in the period."""
    where = [
        engagement.c.site_id == send.c.site_id,
        engagement.c.send_id == send.c.id,
        engagement.c.kind == ("open" if one.event == "opened" else "click"),
        engagement.c.verdict.in_(PERSONS),
        *_within(engagement.c.seen_at, one),
    ]
    if one.link:
        where += [
            link.c.site_id == engagement.c.site_id,
            link.c.send_id == engagement.c.send_id,
            link.c.number == engagement.c.number,
            link.c.url.icontains(one.link, autoescape=True),
        ]
    return exists().where(*where)


def _within(column: ColumnElement[datetime], one: Asked) -> list[ColumnElement[bool]]:
    bounds = [] if one.begin is None else [column >= one.begin]
    return bounds if one.end is None else [*bounds, column < one.end]


def _by_sums(one: Asked) -> ColumnElement[bool] | None:
    """The answer by what is counted at the contact; None where that does not tell."""
    if one.event not in ("sent", "opened", "clicked") or one.list is not None or one.link or one.end is not None:
        return None
    count, last = {
        "sent": (contact.c.emails_sent_count, contact.c.last_email_sent_at),
        "opened": (contact.c.emails_opened_count, contact.c.last_email_opened_at),
        "clicked": (contact.c.emails_clicked_count, contact.c.last_email_clicked_at),
    }[one.event]
    if one.begin is None:
        happened: ColumnElement[bool] = count >= one.times
    elif one.times == 1:
        happened = and_(last.is_not(None), last >= one.begin)
    else:
        return None
    return or_(happened, _opened_on(one)) if _stands_by_day(one) else happened


def _stands_by_day(one: Asked) -> bool:
    return one.event == "opened" and one.list is None and one.times == 1


def _opened_on(one: Asked) -> ColumnElement[bool]:
    """The day of the last open, of who is known by it alone. The day in which the period begins counts whole."""
    day = contact.c.opened_on
    bounds: list[ColumnElement[bool]] = [day.is_not(None)]
    if one.begin is not None:
        bounds.append(day >= one.begin.replace(hour=0, minute=0, second=0, microsecond=0))
    if one.end is not None:
        bounds.append(day < one.end)
    return and_(*bounds)
