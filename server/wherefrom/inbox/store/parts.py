"""Rows of ``search_fresh``, ``search_part`` and ``search_gram``: the index of what stands in letters.

Each letter that the history shows whole is fresh, or in a part that can be asked (``ready``, ``stale``); for a moment
it may be both. Who keeps it so is ``inbox.indexing``.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    bindparam,
    delete,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    update,
)

from wherefrom.clock import from_ms, to_ms
from wherefrom.db import Prepared, Tx
from wherefrom.db.insert import InsertUnlessThere
from wherefrom.db.keys import among
from wherefrom.inbox.store.traits import Place
from wherefrom.inbox.tables import message, message_address, search_fresh, search_gram, search_part

_ADD_FRESH = Prepared(InsertUnlessThere(search_fresh, "site_id", "arrived_at", "message_id"))
_ADD_GRAM = Prepared(search_gram.insert())
_PLACE = struct.Struct("<qq")  # milliseconds, id
_CAN_BE_ASKED = ("ready", "stale")
GRAMS_AT_ONCE = 200
"""Of each part that is joined with others."""
_COLUMNS = (
    search_part.c.id, search_part.c.status, search_part.c.claimed_until, search_part.c.newest_at,
    search_part.c.oldest_at, search_part.c.letters,
)  # fmt: skip
_LIST = Prepared(
    select(*_COLUMNS)
    .where(search_part.c.site_id == bindparam("of_site"))
    .order_by(search_part.c.newest_at.desc(), search_part.c.id)
)
_LIST_ARRIVING = Prepared(
    select(message.c.arrived_at, message.c.id)
    .where(message.c.site_id == bindparam("of_site"), message.c.status == literal_column("'arriving'"))
    .limit(literal_column("1000"))
)
_READ_GRAMS = Prepared(
    select(search_gram.c.part_id, search_gram.c.gram, search_gram.c.letters).where(
        search_gram.c.site_id == bindparam("of_site"), among(search_gram.c.part_id, "parts"),
        among(search_gram.c.gram, "grams"),
    )
)  # fmt: skip
_READ_ON = Prepared(
    select(search_gram.c.gram, search_gram.c.letters)
    .where(
        search_gram.c.site_id == bindparam("of_site"), search_gram.c.part_id == bindparam("part"),
        search_gram.c.gram > bindparam("after", type_=BigInteger),
    )
    .order_by(search_gram.c.gram)
    .limit(literal_column(str(GRAMS_AT_ONCE)))
)  # fmt: skip
_READ_PLACE = Prepared(
    select(
        func.substr(
            search_part.c.places, bindparam("at", type_=Integer), literal_column(str(_PLACE.size)), type_=LargeBinary
        )
    ).where(search_part.c.site_id == bindparam("of_site"), search_part.c.id == bindparam("part"))
)
_FEW_PLACES = 16
"""Of one part: so many are read one by one, more with all the others, which are 64 kB."""
_READ_PLACES = Prepared(
    select(search_part.c.id, search_part.c.places).where(
        search_part.c.site_id == bindparam("of_site"), among(search_part.c.id, "parts")
    )
)


class Part(Struct, frozen=True):
    """``status``: making (until ``claimed_until``), ready, stale (to be made anew: a letter of it is gone), dropped."""

    id: int
    status: str
    claimed_until: datetime
    newest_at: datetime
    oldest_at: datetime
    letters: int


# ------------------------------------------------------------------------------------------------------- fresh letters


async def add_fresh(tx: Tx, site_id: int, places: Iterable[Place]) -> None:
    """These letters are in no part. In a group commit one statement for all letters of a batch."""
    rows = [{"site_id": site_id, "arrived_at": at, "message_id": message_id} for at, message_id in places]
    await tx.append(_ADD_FRESH, rows)


async def count_fresh(tx: Tx, site_id: int, most: int) -> int:
    """How many there are; no further than ``most``."""
    some = select(search_fresh.c.message_id).where(search_fresh.c.site_id == site_id).limit(most).subquery()
    return int(await tx.scalar(select(func.count()).select_from(some)))


async def list_fresh(tx: Tx, site_id: int, below: Place | None, limit: int) -> list[Place]:
    """The newest below a place."""
    query = select(search_fresh.c.arrived_at, search_fresh.c.message_id).where(search_fresh.c.site_id == site_id)
    if below is not None:
        bound = tuple_(literal(below[0], search_fresh.c.arrived_at.type), literal(below[1], BigInteger))
        query = query.where(tuple_(search_fresh.c.arrived_at, search_fresh.c.message_id) < bound)
    query = query.order_by(search_fresh.c.arrived_at.desc(), search_fresh.c.message_id.desc()).limit(limit)
    return [(at, message_id) for at, message_id in await tx.execute(query)]


async def list_arriving(tx: Tx, site_id: int) -> list[Place]:
    """Letters of which the beginning is here: they are neither fresh nor in a part. Hardly ever any."""
    return [(at, message_id) for at, message_id in await tx.fetch(_LIST_ARRIVING, {"of_site": site_id})]


# ------------------------------------------------------------------------------------------------------- asking


async def list_parts(tx: Tx, site_id: int) -> list[Part]:
    """All, whatever their status, the one with the newest letter first."""
    return [Part(*row) for row in await tx.fetch(_LIST, {"of_site": site_id})]


async def list_askable(tx: Tx, site_id: int) -> list[Part]:
    """Those that can be asked."""
    return [one for one in await list_parts(tx, site_id) if one.status in _CAN_BE_ASKED]


async def read_grams(
    tx: Tx, site_id: int, part_ids: Sequence[int], grams: Sequence[int]
) -> dict[int, dict[int, bytes]]:
    """By part and gram, which of the part's letters have it."""
    found: defaultdict[int, dict[int, bytes]] = defaultdict(dict)
    asked = {"of_site": site_id, "parts": list(part_ids), "grams": list(grams)}
    for part_id, gram, letters in await tx.fetch(_READ_GRAMS, asked):
        found[part_id][gram] = letters
    return found


async def read_places(tx: Tx, site_id: int, numbers: Mapping[int, Iterable[int] | None]) -> dict[int, list[Place]]:
    """By part the places of its letters with these numbers; of all, for None."""
    wanted = {part_id: None if some is None else list(some) for part_id, some in numbers.items()}
    few = {part_id: some for part_id, some in wanted.items() if some is not None and len(some) <= _FEW_PLACES}
    each = [(part_id, number) for part_id, some in few.items() for number in some]
    asked = [{"of_site": site_id, "part": part_id, "at": number * _PLACE.size + 1} for part_id, number in each]
    found: defaultdict[int, list[Place]] = defaultdict(list)
    for (part_id, _), rows in zip(each, await tx.fetch_each(_READ_PLACE, asked), strict=True):
        for (packed,) in rows:
            found[part_id] += _unpack(packed, None)
    if whole := [part_id for part_id in wanted if part_id not in few]:
        for part_id, places in await tx.fetch(_READ_PLACES, {"of_site": site_id, "parts": whole}):
            found[part_id] = _unpack(places, wanted[part_id])
    return found


async def read_texts(tx: Tx, site_id: int, message_ids: Sequence[int]) -> dict[int, list[str]]:
    """What a text is looked for in, of each of these letters that is there."""
    columns = message.c.id, message.c.subject, message.c.from_address, message.c.from_name, message.c.text
    query = select(*columns).where(message.c.site_id == site_id, among(message.c.id, "ids"))
    found = {row[0]: list(row[1:]) for row in await tx.execute(query, {"ids": list(message_ids)})}
    receivers = select(message_address.c.message_id, message_address.c.address).where(
        message_address.c.site_id == site_id, among(message_address.c.message_id, "ids")
    )
    for message_id, address in await tx.execute(receivers, {"ids": list(message_ids)}):
        if message_id in found:
            found[message_id].append(address)
    return found


# ------------------------------------------------------------------------------------------------------- making parts


async def list_there(tx: Tx, site_id: int, places: Iterable[Place]) -> list[Place]:
    """Of the letters with these places those that are still there, the newest first."""
    asked = set(places)
    query = select(message.c.id).where(message.c.site_id == site_id, among(message.c.id, "ids"))
    there = set(await tx.scalars(query, {"ids": [message_id for _, message_id in asked]}))
    return sorted((one for one in asked if one[1] in there), reverse=True)


async def read_on(
    tx: Tx, site_id: int, part_ids: Sequence[int], after: int
) -> tuple[dict[int, list[tuple[int, bytes]]], int | None]:
    """The next grams after one, of all these parts: for each which letters have it, by the place of the part in the
    list. And the last of them; None when they are the last of all."""
    asked = [{"of_site": site_id, "part": part_id, "after": after} for part_id in part_ids]
    found = await tx.fetch_each(_READ_ON, asked)
    # A part that gave as many as it may has more; behind its last one others' do not count yet.
    last = min((rows[-1][0] for rows in found if len(rows) == GRAMS_AT_ONCE), default=None)
    had: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
    for place, rows in enumerate(found):
        for gram, letters in rows:
            if last is None or gram <= last:
                had[gram].append((place, letters))
    return had, last


async def add_part(tx: Tx, site_id: int, part_id: int, places: Sequence[Place], until: datetime) -> None:
    """A part that somebody makes until then, of letters by their place, the newest first."""
    values = {
        "site_id": site_id, "id": part_id, "status": "making", "claimed_until": until, "newest_at": places[0][0],
        "oldest_at": places[-1][0], "letters": len(places), "places": _pack(places),
    }  # fmt: skip
    await tx.execute(search_part.insert().values(values))


async def shorten_part(tx: Tx, site_id: int, part_id: int, places: Sequence[Place]) -> None:
    """A part that is being made is of these letters alone: the first of those it was to be of."""
    values = {"oldest_at": places[-1][0], "letters": len(places), "places": _pack(places)}
    await _set(tx, site_id, [part_id], ("making",), **values)


async def add_grams(tx: Tx, site_id: int, part_id: int, rows: Iterable[tuple[int, bytes]], until: datetime) -> bool:
    """Some grams of a part that is being made; False when it was dropped, and nothing is written."""
    if not await _set(tx, site_id, [part_id], ("making",), claimed_until=until):
        return False
    values = [{"site_id": site_id, "part_id": part_id, "gram": gram, "letters": one} for gram, one in rows]
    await tx.append(_ADD_GRAM, values)
    return True


async def publish_part(tx: Tx, site_id: int, part_id: int, places: Sequence[Place], instead_of: Sequence[int]) -> bool:
    """The part can be asked: in place of others, or its letters are not fresh any more. False when it was dropped, or
    one of the others was: then the caller undoes this."""
    if not await _set(tx, site_id, [part_id], ("making",), status="ready"):
        return False
    if instead_of:
        return await _set(tx, site_id, instead_of, _CAN_BE_ASKED, status="dropped") == len(instead_of)
    mine = (
        search_fresh.c.site_id == site_id, search_fresh.c.arrived_at >= places[-1][0],
        search_fresh.c.arrived_at <= places[0][0], among(search_fresh.c.message_id, "ids"),
    )  # fmt: skip
    await tx.execute(delete(search_fresh).where(*mine), {"ids": [message_id for _, message_id in places]})
    return True


async def drop_made(tx: Tx, site_id: int, part_id: int) -> None:
    """A part that was being made is not wanted any more."""
    await _set(tx, site_id, [part_id], ("making",), status="dropped")


async def drop_parts(tx: Tx, site_id: int, part_ids: Sequence[int]) -> None:
    """No letter of these parts is there any more."""
    await _set(tx, site_id, part_ids, _CAN_BE_ASKED, status="dropped")


async def remove_some(tx: Tx, site_id: int, part_id: int, limit: int) -> None:
    """Takes away ``limit`` grams of a part that cannot be asked, or all that is left of it."""
    mine = search_gram.c.site_id == site_id, search_gram.c.part_id == part_id
    last = await tx.scalar(select(search_gram.c.gram).where(*mine).order_by(search_gram.c.gram).offset(limit).limit(1))
    if last is not None:
        await tx.execute(delete(search_gram).where(*mine, search_gram.c.gram < last))
        return
    await tx.execute(delete(search_gram).where(*mine))
    await tx.execute(delete(search_part).where(search_part.c.site_id == site_id, search_part.c.id == part_id))


async def forget_places(tx: Tx, site_id: int, places: Sequence[Place]) -> None:
    """These letters go: what was kept of them goes with the parts they may be in, which are made anew."""
    if not places:
        return
    # As who makes parts has it: a part of these letters is there by now, or is made when they are gone; and whoever
    # publishes one takes rows of both tables, too.
    await tx.lock("search", site_id)
    moments, ids = {at for at, _ in places}, [message_id for _, message_id in places]
    fresh = search_fresh.c.arrived_at.in_(moments), search_fresh.c.message_id.in_(ids)
    await tx.execute(delete(search_fresh).where(search_fresh.c.site_id == site_id, *fresh))
    near = search_part.c.newest_at >= min(moments), search_part.c.oldest_at <= max(moments)
    rows = await tx.execute(select(*_COLUMNS).where(search_part.c.site_id == site_id, *near))
    parts = [one for one in (Part(*row) for row in rows) if any(one.oldest_at <= at <= one.newest_at for at in moments)]
    if parts:  # in this order: what is being made may become ready between the two
        await _set(tx, site_id, [one.id for one in parts], ("making",), status="dropped")
        await _set(tx, site_id, [one.id for one in parts], ("ready",), status="stale")


async def _set(tx: Tx, site_id: int, part_ids: Sequence[int], statuses: Sequence[str], **values: object) -> int:
    """Changes those of the parts that have one of the statuses; how many."""
    mine = search_part.c.site_id == site_id, search_part.c.id.in_(part_ids), search_part.c.status.in_(statuses)
    return (await tx.execute(update(search_part).where(*mine).values(**values))).rowcount


def _pack(places: Sequence[Place]) -> bytes:
    return b"".join(_PLACE.pack(to_ms(at), message_id) for at, message_id in places)


def _unpack(packed: bytes, numbers: Iterable[int] | None) -> list[Place]:
    some = range(len(packed) // _PLACE.size) if numbers is None else numbers
    places = (_PLACE.unpack_from(packed, number * _PLACE.size) for number in some)
    return [(from_ms(at), message_id) for at, message_id in places]
