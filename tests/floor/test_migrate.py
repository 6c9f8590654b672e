"""Migrations bring a database to exactly the tables the code knows, on both engines."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import wherefrom.app  # noqa: F401 - imports every room, and so every table
from wherefrom.db import Database, metadata
from wherefrom.db.migrate import check_revision, find_revision, knows_revision, newest_revision, upgrade
from wherefrom.db.partial_index import spell_out
from wherefrom.errors import SettingsError
from wherefrom.services import Services


async def test_the_migrated_schema_is_the_one_the_code_knows(services: Services) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), spell_out(metadata)))

    async with services.db.write() as tx:
        assert await tx.run_sync(differences) == []


def test_the_scripts_say_to_us_what_they_say_to_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert newest_revision() == scripts.get_current_head()
    assert all(knows_revision(one.revision) for one in scripts.walk_revisions())
    assert not knows_revision("0000")


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
