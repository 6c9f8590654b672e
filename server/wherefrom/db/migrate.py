"""Brings a database to the newest schema by the Alembic scripts in ``migrations/`` (forward only).

Alembic is loaded where there is something to migrate: it takes 10 MB of memory and a tenth of a second, and what a
database is at and what the scripts lead to can be read without it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from wherefrom.db.engine import Database
from wherefrom.errors import SettingsError, Unavailable

_ADVISORY_LOCK = 0x77686572  # "wher": two hosts that start at once migrate one after the other
_KEPT_IN = "alembic_version"
_NAMED = re.compile(r'^(revision|down_revision)(?:: [^=]*)? = "(\w+)"', re.MULTILINE)


async def upgrade(url: str) -> str:
    """Migrates the database at ``url`` to the newest revision, which it answers."""
    database = Database(url)
    try:
        with _told():
            async with database.write() as tx:
                await tx.run_sync(_upgrade)
    finally:
        await database.close()
    return newest_revision()


async def find_revision(database: Database) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    async with database.read() as tx:
        return await tx.run_sync(_find_revision)


async def check_revision(database: Database) -> None:
    """SettingsError unless the database is at the newest revision."""
    with _told():
        found, wanted = await find_revision(database), newest_revision()
    if found != wanted:
        raise SettingsError(
            f"the database is at schema {found or 'none'}, this version needs {wanted}",
            hint="run: wherefrom migrate",
        )


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """A database that cannot be reached or used, told as the setting it is."""
    try:
        yield
    except _faults() as error:
        raise SettingsError(
            f"database.url: the database cannot be used: {error.__cause__ or error}",
            hint="is it running, does it exist, and are user and password right?",
        ) from error


def _faults() -> tuple[type[Exception], ...]:
    """Asked for when something was raised: PostgreSQL's driver, which raises errors of its own while it connects, is
    not loaded for SQLite."""
    from asyncpg import PostgresError  # type: ignore[import-untyped]

    return (OSError, SQLAlchemyError, PostgresError, Unavailable)


def _find_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_KEPT_IN):
        return None
    revision: str | None = connection.scalar(text(f"SELECT version_num FROM {_KEPT_IN}"))  # noqa: S608 - a constant
    return revision


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
    if _find_revision(connection) == newest_revision():
        return
    from alembic import command  # late: see above
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def newest_revision() -> str:
    """The revision this version's code is written for."""
    (head,) = set(_revisions()) - set(_revisions().values())
    return head


def knows_revision(revision: str) -> bool:
    """Whether this version can bring a database of that revision to the newest one."""
    return revision in _revisions()


@lru_cache(maxsize=1)
def _revisions() -> dict[str, str]:
    """Each script's revision, with the one before it ("" of the first)."""
    texts = (file.read_text(encoding="utf-8") for file in (_folder() / "versions").glob("*.py"))
    return {told["revision"]: told.get("down_revision", "") for told in (dict(_NAMED.findall(one)) for one in texts)}


def _folder() -> Path:
    """Beside the package in an installed copy, at the top level in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent.parent / "migrations"
