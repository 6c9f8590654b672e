"""Migrations bring a database to exactly the tables the code knows, on both engines."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

import wherefrom.app  # noqa: F401 - imports every room, and so every table
from wherefrom.db import Database, metadata
from wherefrom.db.migrate import check_revision, find_revision, upgrade
from wherefrom.errors import SettingsError
from wherefrom.services import Services


async def test_the_migrated_schema_is_the_one_the_code_knows(services: Services) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with services.db.write() as tx:
        assert await tx.run_sync(differences) == []


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/one.db"
    assert await upgrade(url) == await upgrade(url)


async def test_a_database_that_was_never_migrated_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.db")
    try:
        assert await find_revision(database) is None
        with pytest.raises(SettingsError) as caught:
            await check_revision(database)
        assert "wherefrom migrate" in caught.value.hint
    finally:
        await database.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "", "oracle://x"])
async def test_a_database_of_another_kind_is_refused_with_the_accepted_forms(url: str) -> None:
    with pytest.raises(SettingsError, match=r"database\.url") as caught:
        Database(url)
    assert "postgresql://" in caught.value.hint
