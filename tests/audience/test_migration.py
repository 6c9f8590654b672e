"""What was known of consent before its history was kept is the first word of it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from wherefrom.contacts.store import list_said
from wherefrom.db import Database, migrate

CONTACT = (
    "INSERT INTO contact (site_id, id, email, name, reference, consent, consent_at, consent_method, mode,"
    " emails_sent_count, emails_opened_count, emails_clicked_count, created_at)"
    " VALUES (1, {id}, '{id}@mail.example', '', '', '{consent}', {at}, 'form', 'all', 0, 0, 0, 5)"
)


def to_before(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate._folder()))
    config.attributes["connection"] = connection
    command.upgrade(config, "0015")


async def test_the_last_word_of_each_contact_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/one.db"
    database = Database(url)
    try:
        async with database.write() as tx:
            await tx.run_sync(to_before)
            for id_, consent, at in ((7, "denied", "1793610000000"), (8, "unknown", "NULL")):
                await tx.execute(text(CONTACT.format(id=id_, consent=consent, at=at)))
        await migrate.upgrade(url)
        async with database.read() as tx:
            (said,) = await list_said(tx, 1, 7)
            assert await list_said(tx, 1, 8) == []
    finally:
        await database.close()
    assert (said.consent, said.mode, said.method, said.by) == ("denied", "all", "form", "")
    assert said.at.isoformat() == "2026-11-02T09:00:00+00:00"
