"""Puts a backup's contents into an empty folder, from which the service can be started.

The database gets its name last, when everything is there, compared with its checksum, and on the disk.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wherefrom.archive.backup import DATABASES, FORMAT, HEAD, KEY, blob_member
from wherefrom.archive.tarball import read, sync_folder
from wherefrom.db.migrate import knows_revision
from wherefrom.errors import BadInput, Conflict

# Backups of the first versions have a folder more between.
_BLOB = re.compile(r"blobs/(([0-9a-f]{2}/){1,2})([0-9a-f]{64})")


@dataclass(frozen=True)
class Restored:
    """``engine``: sqlite, postgresql. ``key``: whether the key file was in."""

    engine: str
    database: Path
    files: int
    made_at: str
    key: bool


def restore(file: Path, folder: Path) -> Restored:
    """Unpacks ``file`` into ``folder``, which is made or must be empty. BadInput when the file is cut, spoilt, newer
    than this version or no backup: the folder is then without a database."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Conflict(f"{folder} is not empty", hint="name a new folder: restoring overwrites nothing")
        unpacking = _Unpacking(folder)
        with file.open("rb") as opened:
            count = read(opened, unpacking.place)
    except OSError as error:
        raise BadInput(f"{error.filename or folder}: {error.strerror}") from error
    head = unpacking.head
    database = folder / DATABASES[head["engine"]] if head else folder
    if not _partial(database).is_file():
        raise BadInput("there is no database in the backup", hint="take another one")
    os.sync()  # everything by one wait; a wait for each of a million files would take hours
    _partial(database).rename(database)
    sync_folder(folder)
    key = (folder / KEY).is_file()
    return Restored(head["engine"], database, files=count - 2 - key, made_at=str(head.get("made_at", "")), key=key)


class _Unpacking:
    """Says where each member goes, and refuses what does not belong in a backup."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.head: dict[str, Any] = {}

    def place(self, name: str) -> Path:
        if name == HEAD:
            return self._folder / name
        if not self.head:
            self.head = _read_head(self._folder)  # refuses what is too new before hours of copying
        if name == DATABASES[self.head["engine"]]:
            return _partial(self._folder / name)
        blob = _BLOB.fullmatch(name)
        if blob and blob[3].startswith(blob[1].replace("/", "")):
            return self._folder / blob_member(blob[3])
        if name == KEY:
            return self._folder / name
        raise BadInput(f"{name[:200]!r} does not belong in a backup", hint="take another one")


def _partial(database: Path) -> Path:
    return database.with_name(database.name + ".partial")


def _read_head(folder: Path) -> dict[str, Any]:
    try:
        head: dict[str, Any] = json.loads((folder / HEAD).read_bytes())
        engine, schema, form = head["engine"], str(head["schema"]), int(head["format"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput("this is no backup of Wherefrom", hint=f"those have {HEAD}, with format and engine") from None
    if form > FORMAT or engine not in DATABASES or not knows_revision(schema):
        raise BadInput(
            f"the backup is of a newer version ({str(head.get('version'))[:40]}, schema {schema[:40]})",
            hint="restore it with that version or a newer one",
        )
    return head
