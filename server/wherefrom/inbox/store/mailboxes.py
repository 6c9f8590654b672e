"""Mailboxes and their folders as rows: what is watched, how it stands, who watches it, how far it was read.

    status   new ─▶ connecting ─▶ ok ⇄ connecting
                        ├─▶ login_failed   the server refuses the password
                        ├─▶ connect_again  the provider gives no more tokens: a person must agree anew
                        ├─▶ tls_failed     the certificate or the handshake
                        ├─▶ unreachable    no name, no route, nobody listens, a connection lost
                        └─▶ failed         anything else, in words

A claim (``watcher``, ``watched_until``) is a lease in time: whoever holds it renews it, and when it stops doing so any
other process may take over. ``revision`` grows with each edit, so that a watcher notices and starts anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, or_, select, update

from wherefrom.db import Prepared, Tx, insert
from wherefrom.errors import Conflict, NotFound
from wherefrom.inbox.store.gone import forget_gone
from wherefrom.inbox.tables import folder, mailbox

_LIST_USERNAMES = Prepared(select(mailbox.c.username).where(mailbox.c.site_id == bindparam("of_site")))
STATUSES = ("new", "connecting", "ok", "login_failed", "connect_again", "tls_failed", "unreachable", "failed")


@dataclass(frozen=True, slots=True)
class Folder:
    """``checked_at``: until when letters are settled (the moment it was added, before the first look).

    ``uidvalidity`` None: never looked at, or the server has none. ``since``: "new", "all" or a number of days.
    ``begun_at``: what arrived before is old mail. ``uidnext``, ``letters`` and ``highestmodseq`` are as the server told
    them at the last look. ``backlog_…``: the old mail, read up to one UID, ending with another (None: no more to read),
    of how many letters how many are read. ``counted_…`` and ``floor_uid``: the full checks, see ``position``.
    """

    id: int
    site_id: int
    mailbox_id: int
    name: str
    kind: str
    since: str
    uidvalidity: int | None
    last_uid: int
    baselined: bool
    checked_at: datetime | None
    begun_at: datetime | None = None
    uidnext: int | None = None
    letters: int | None = None
    highestmodseq: int | None = None
    counted_at: datetime | None = None
    counted_uid: int = 0
    floor_uid: int = 0
    backlog_uid: int = 0
    backlog_end: int | None = None
    backlog_letters: int = 0
    backlog_read: int = 0

    @property
    def is_behind(self) -> bool:
        """Whether old mail is still to be read."""
        return self.backlog_end is not None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """``password`` is sealed; "": it logs in by a token (``grants``)."""

    id: int
    site_id: int
    name: str
    host: str
    port: int
    security: str
    username: str
    password: str
    ca_file: str
    enabled: bool
    status: str
    status_detail: str
    checked_at: datetime | None
    watcher: str
    watched_until: datetime | None
    revision: int
    created_at: datetime
    folders: tuple[Folder, ...] = ()


async def add_mailbox(tx: Tx, values: Mapping[str, Any], folders: Iterable[Mapping[str, Any]]) -> None:
    """Adds the rows; Conflict when this account is connected already."""
    done = await tx.execute(
        insert(tx, mailbox)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["site_id", "host", "port", "username"])
    )
    if not done.rowcount:
        raise Conflict(
            f"{values['username']} at {values['host']} is connected already",
            hint="change that mailbox, or take another account",
        )
    for one in folders:
        await tx.execute(insert(tx, folder).values(**one))


async def list_mailboxes(tx: Tx, site_id: int) -> list[Mailbox]:
    """The site's mailboxes with their folders, oldest first."""
    rows = (await tx.execute(select(mailbox).where(mailbox.c.site_id == site_id).order_by(mailbox.c.id))).all()
    return await _with_folders(tx, rows)


async def list_usernames(tx: Tx, site_id: int) -> set[str]:
    """The accounts' user names in lower case: most are the mailbox's own address."""

    async def ask() -> frozenset[str]:
        return frozenset(name.lower() for (name,) in await tx.fetch(_LIST_USERNAMES, {"of_site": site_id}))

    return set(await tx.recall(mailbox, site_id, ask))


async def list_disconnected(tx: Tx, site_id: int) -> list[Mailbox]:
    """The site's mailboxes that are read no more until a person connects them again; without their folders."""
    where = mailbox.c.site_id == site_id, mailbox.c.enabled, mailbox.c.status == "connect_again"
    rows = await tx.execute(select(mailbox).where(*where).order_by(mailbox.c.id))
    return [Mailbox(**row._mapping) for row in rows]


async def list_enabled(tx: Tx) -> list[Mailbox]:
    """Every site's mailboxes that are to be watched: the only question here that is not about one site."""
    rows = (await tx.execute(select(mailbox).where(mailbox.c.enabled).order_by(mailbox.c.id))).all()
    return await _with_folders(tx, rows)


async def find_mailbox(tx: Tx, site_id: int, mailbox_id: int) -> Mailbox | None:
    rows = (await tx.execute(select(mailbox).where(_is(site_id, mailbox_id)))).all()
    return next(iter(await _with_folders(tx, rows)), None)


async def get_mailbox(tx: Tx, site_id: int, mailbox_id: int) -> Mailbox:
    found = await find_mailbox(tx, site_id, mailbox_id)
    if found is None:
        raise NotFound(f"there is no mailbox {mailbox_id}", hint="list the site's mailboxes to see their ids")
    return found


async def set_mailbox(tx: Tx, site_id: int, mailbox_id: int, values: Mapping[str, Any]) -> None:
    """Writes ``values`` and grows the revision; NotFound without the row."""
    done = await tx.execute(
        update(mailbox).where(_is(site_id, mailbox_id)).values(revision=mailbox.c.revision + 1, **values)
    )
    if not done.rowcount:
        raise NotFound(f"there is no mailbox {mailbox_id}", hint="list the site's mailboxes to see their ids")


async def find_account(tx: Tx, site_id: int, host: str, port: int, username: str) -> int | None:
    """The id of the mailbox that reads this account."""
    found: int | None = await tx.scalar(
        select(mailbox.c.id).where(
            mailbox.c.site_id == site_id,
            mailbox.c.host == host,
            mailbox.c.port == port,
            mailbox.c.username == username,
        )
    )
    return found


async def delete_mailbox(tx: Tx, site_id: int, mailbox_id: int) -> None:
    """Forgets the account and its positions; the letters read from it stay in the history."""
    done = await tx.execute(delete(mailbox).where(_is(site_id, mailbox_id)))
    if not done.rowcount:
        raise NotFound(f"there is no mailbox {mailbox_id}", hint="list the site's mailboxes to see their ids")
    theirs = folder.c.site_id == site_id, folder.c.mailbox_id == mailbox_id
    for folder_id in list(await tx.scalars(select(folder.c.id).where(*theirs))):
        await delete_folder(tx, site_id, folder_id)


async def add_folder(tx: Tx, values: Mapping[str, Any]) -> None:
    await tx.execute(insert(tx, folder).values(**values))


async def set_folder(tx: Tx, site_id: int, folder_id: int, values: Mapping[str, Any]) -> None:
    await tx.execute(update(folder).where(folder.c.site_id == site_id, folder.c.id == folder_id).values(**values))


async def delete_folder(tx: Tx, site_id: int, folder_id: int) -> None:
    await forget_gone(tx, site_id, folder_id)
    await tx.execute(delete(folder).where(folder.c.site_id == site_id, folder.c.id == folder_id))


async def claim_mailbox(tx: Tx, site_id: int, mailbox_id: int, watcher: str, now: datetime, until: datetime) -> bool:
    """Takes or renews the right to watch; False when another process holds it, or the mailbox is off or gone."""
    free = or_(mailbox.c.watcher == watcher, mailbox.c.watched_until.is_(None), mailbox.c.watched_until < now)
    done = await tx.execute(
        update(mailbox)
        .where(_is(site_id, mailbox_id), mailbox.c.enabled, free)
        .values(watcher=watcher, watched_until=until)
    )
    return bool(done.rowcount)


async def release_mailbox(tx: Tx, site_id: int, mailbox_id: int, watcher: str) -> None:
    """Gives the claim back; nothing happens when another process has it by now."""
    await tx.execute(
        update(mailbox)
        .where(_is(site_id, mailbox_id), mailbox.c.watcher == watcher)
        .values(watcher="", watched_until=None)
    )


async def record_status(
    tx: Tx, site_id: int, mailbox_id: int, status: str, detail: str, now: datetime, *, watcher: str | None = None
) -> None:
    """How the mailbox stands. With ``watcher``, only while that one holds the claim."""
    if status not in STATUSES:
        raise ValueError(f"{status} is no status of a mailbox")
    where = [_is(site_id, mailbox_id)]
    if watcher is not None:
        where.append(mailbox.c.watcher == watcher)
    await tx.execute(update(mailbox).where(*where).values(status=status, status_detail=detail, checked_at=now))


async def _with_folders(tx: Tx, rows: Iterable[Row[Any]]) -> list[Mailbox]:
    found = [Mailbox(**row._mapping) for row in rows]
    if not found:
        return []
    sites = {one.site_id for one in found}
    wanted = select(folder).where(folder.c.site_id.in_(sites), folder.c.mailbox_id.in_({one.id for one in found}))
    folders: dict[int, list[Folder]] = {}
    for row in (await tx.execute(wanted.order_by(folder.c.id))).all():
        folders.setdefault(row.mailbox_id, []).append(Folder(**row._mapping))
    return [Mailbox(**row._mapping, folders=tuple(folders.get(row.id, ()))) for row in rows]


def _is(site_id: int, mailbox_id: int) -> Any:
    return and_(mailbox.c.site_id == site_id, mailbox.c.id == mailbox_id)
