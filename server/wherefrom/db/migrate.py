"""Brings a database to the newest schema by the Alembic scripts in ``migrations/`` (forward only)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from asyncpg import PostgresError  # type: ignore[import-untyped]
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from wherefrom.db.engine import Database
from wherefrom.errors import SettingsError

_ADVISORY_LOCK = 0x77686572  # "wher": two hosts that start at once migrate one after the other


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
        return await tx.run_sync(lambda connection: MigrationContext.configure(connection).get_current_revision())


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
    except (OSError, SQLAlchemyError, PostgresError) as error:
        raise SettingsError(
            f"database.url: the database cannot be used: {error}",
            hint="is it running, does it exist, and are user and password right?",
        ) from error


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
    command.upgrade(_config(connection), "head")


def newest_revision() -> str:
    """The revision this version's code is written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "there is always a first migration"
    return head


def knows_revision(revision: str) -> bool:
    """Whether this version can bring a database of that revision to the newest one."""
    return any(one.revision == revision for one in ScriptDirectory.from_config(_config()).walk_revisions())


def _folder() -> Path:
    """Beside the package in an installed copy, at the top level in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent.parent / "migrations"
