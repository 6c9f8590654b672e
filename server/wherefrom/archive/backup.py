"""Makes a backup of the whole installation while it runs.

    database of one moment ─▶ each file its rows name ─▶ the key, when it is asked for ─▶ checksums

A letter's bytes are on the disk before its row is committed, and stay for a day after the last row is gone (see
``retention``), so that what the rows of that moment name can be copied after it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from wherefrom import __version__
from wherefrom.archive.tarball import Writing
from wherefrom.clock import SystemClock
from wherefrom.db import Database, Tx
from wherefrom.db.dump import dump
from wherefrom.db.migrate import check_revision, newest_revision
from wherefrom.errors import SettingsError
from wherefrom.inbox.store.blobs import list_blobs, list_used
from wherefrom.mail.blobs import Blobs
from wherefrom.settings import Settings
from wherefrom.sites.store import list_sites
from wherefrom.vault.store import list_kept

FORMAT = 1
HEAD, KEY = "backup.json", "secret.key"
DATABASES = {"sqlite": "wherefrom.db", "postgresql": "database.dump"}
_PREFIXES = 256
_SOME = 10
_ASKED = 500


@dataclass
class Made:
    """What a backup came to: ``missing`` files that rows name and the store does not have, and files whose bytes are
    ``spoilt`` (the first few names of each)."""

    size: int = 0
    files: int = 0
    missing_count: int = 0
    spoilt_count: int = 0
    missing: list[str] = field(default_factory=list)
    spoilt: list[str] = field(default_factory=list)


async def back_up(settings: Settings, file: Path, *, with_key: bool) -> Made:
    """Writes the backup to ``file``. Conflict when that is there; SettingsError when database or key cannot be read."""
    key = Path(settings.data.key_file)
    if with_key and not await asyncio.to_thread(key.is_file):
        raise SettingsError(f"data.key_file: there is no {key}", hint="leave out --with-key, or name the right file")
    database = Database(settings.database.url)
    now = SystemClock().now()
    copied = file.with_name(file.name + ".partial-database")
    try:
        await check_revision(database)
        writing = Writing(file, int(now.timestamp()))
        try:
            copied.unlink(missing_ok=True)
            async with dump(database, settings.database.url, copied) as tx:
                await asyncio.to_thread(writing.add_bytes, HEAD, _head(database.dialect, now, with_key))
                blobs = Blobs(Path(settings.data.folder) / "blobs")
                await asyncio.to_thread(blobs.settle)
                made = await add_blobs(writing, tx, database, blobs)
            await asyncio.to_thread(writing.add_file, DATABASES[database.dialect], copied)
            if with_key:
                await asyncio.to_thread(writing.add_file, KEY, key)
            made.size = await asyncio.to_thread(writing.finish)
            return made
        finally:
            writing.close()
            for left in (copied, *(copied.with_name(copied.name + end) for end in ("-wal", "-shm"))):
                left.unlink(missing_ok=True)
    finally:
        await database.close()


def _head(engine: str, now: datetime, with_key: bool) -> bytes:
    told = {
        "format": FORMAT, "version": __version__, "schema": newest_revision(), "engine": engine,
        "made_at": now.isoformat(timespec="seconds"), "key": with_key,
    }  # fmt: skip
    return json.dumps(told, indent=2).encode() + b"\n"


async def add_blobs(writing: Writing, tx: Tx, database: Database, blobs: Blobs) -> Made:
    """Adds every file that the rows seen by ``tx`` name; ``database`` is the one that goes on being written to. By the
    first two digits of their names, so that no list is long, and sites that share a file have it once."""
    made = Made()
    sites = [one.id for one in await list_sites(tx)]
    for number in range(_PREFIXES):
        prefix = f"{number:02x}"
        named: set[str] = set()
        for site_id in sites:
            named |= await list_blobs(tx, site_id, prefix, prefix + "g")
        missing = await asyncio.to_thread(_add, writing, blobs, sorted(named), made)
        missing = await _really_missing(tx, database, sites, missing)
        made.missing_count += len(missing)
        made.missing = [*made.missing, *missing][:_SOME]
    return made


async def _really_missing(tx: Tx, database: Database, sites: list[int], names: list[str]) -> list[str]:
    """Neither in the database, nor the beginning of a large letter that has become whole since: that one is fetched
    once more after restoring, as after a crash."""
    missing: list[str] = []
    for at in range(0, len(names), _ASKED):
        some = names[at : at + _ASKED]
        kept = await list_kept(tx, some)
        async with database.read() as now:
            used = set().union(*[await list_used(now, site_id, some) for site_id in sites])
        missing += [one for one in some if one in used - kept]
    return missing


def _add(writing: Writing, blobs: Blobs, names: list[str], made: Made) -> list[str]:
    """Adds these files; those that are not there."""
    missing = []
    for name in names:
        try:
            digest = writing.add_file(blob_member(name), blobs.path(name))
        except FileNotFoundError:
            missing.append(name)
            continue
        made.files += 1
        if digest != name:
            made.spoilt_count += 1
            made.spoilt = [*made.spoilt, name][:_SOME]
    return missing


def blob_member(name: str) -> str:
    """What a blob is called in a backup: as in the data folder."""
    return f"blobs/{name[:2]}/{name}"
