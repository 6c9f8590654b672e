"""The beginning of a large letter, in the history while the rest is on its way (feature D05).

Answers for what is shown meanwhile: who wrote, to whom, about what, and the text. Nobody is told of it before the
letter is whole and sorted: a CRM that hears of a letter hears of all of it.

    announce ─▶ row "arriving" ─▶ finish, in the write that stores the letter ─▶ forget (the beginning's bytes)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from wherefrom.db import Tx
from wherefrom.inbox.facts import Facts, read_facts
from wherefrom.inbox.store import arriving, messages
from wherefrom.mail.answers import RawLetter
from wherefrom.mail.imap import BEGINNING, LARGE
from wherefrom.mail.parse import UnreadableLetter, parse_letter
from wherefrom.services import Services
from wherefrom.vault import vault

log = structlog.get_logger(__name__)


async def announce(services: Services, row: Mapping[str, Any], letter: RawLetter) -> None:
    """Keeps what ``letter`` begins with as ``row``, unless it is kept already or nothing can be read in it."""
    async with services.db.read() as tx:
        if await arriving.find_beginning(tx, row) is not None:
            return
    facts = await asyncio.to_thread(_read, letter)
    if facts is None:
        return
    # Its own length for each row: the same letter in a mailbox of another site does not share these bytes, which go.
    sha256 = await services.blobs.put(letter.raw[: len(letter.raw) - row["id"] % (BEGINNING // 4)])
    await vault.share(services, row["site_id"], [sha256])
    values = {
        **row, "sha256": sha256, "truncated": False, "status": "arriving", "written_at": facts.header_at,
        "message_id": facts.message_id, "in_reply_to": facts.in_reply_to, "references": list(facts.references),
        "subject": facts.subject, "from_address": facts.from_address, "from_name": facts.from_name, "text": facts.text,
        "to_address": next((address for _, address in facts.recipients), ""), "automatic": facts.automatic,
    }  # fmt: skip
    async with services.db.write() as tx:
        await messages.add_message(tx, values)


async def finish(tx: Tx, stored: Sequence[tuple[Mapping[str, Any], RawLetter]]) -> dict[int, str]:
    """Makes whole what was arriving in these rows' places; the UIDs of those, with the names of bytes that nobody needs
    any more. Where the server gave less than had come before, what had come stays, marked as cut."""
    done: dict[int, str] = {}
    for row, letter in stored:
        begun = await arriving.find_beginning(tx, row) if letter.size > LARGE else None
        if begun is None:
            continue
        if letter.problem or letter.length < BEGINNING // 2:
            row, begun = {**row, "sha256": begun, "truncated": True, "status": "stored", "status_reason": ""}, ""
        await arriving.finish_arriving(tx, row)
        done[letter.uid] = begun
    return done


async def forget(services: Services, site_id: int, names: Iterable[str]) -> None:
    """Removes the bytes of beginnings whose letters are whole. A process that dies before leaves them lying."""
    for name in filter(None, names):
        async with services.db.read() as tx:
            used = await arriving.is_blob_used(tx, site_id, name)
        if not used:
            await vault.forget(services, site_id, name)


def _read(letter: RawLetter) -> Facts | None:
    try:
        return read_facts(parse_letter(letter.raw), letter.internaldate)
    except UnreadableLetter:
        return None
    except Exception:  # a fault of ours; the letter itself comes after it, and must
        log.exception("a letter's beginning could not be read", uid=letter.uid)
        return None
