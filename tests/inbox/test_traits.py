"""Letters by values of their visit: after sorting, a correction and retention, and letters of before there were any."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, select, text

from tests.inbox.letters import Post, letter
from wherefrom.archive.retention import forget_old
from wherefrom.clock import FixedClock
from wherefrom.db import migrate
from wherefrom.events.tables import event
from wherefrom.inbox.correct import correct_match
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.store.history import list_messages
from wherefrom.inbox.tables import trait
from wherefrom.inbox.traits import list_traits
from wherefrom.services import Services
from wherefrom.settings import Retention
from wherefrom.visits.store import find_visit

CODED = "sales+k7f3q9x2@company.example"


async def _found(services: Services, **wanted: str) -> list[int]:
    async with services.db.read() as tx:
        rows, _ = await list_messages(tx, 1, HistoryFilter(**wanted))
    return [row.id for row in rows]


async def test_a_letter_is_found_by_its_visit_until_that_is_corrected_and_the_letter_forgotten(
    services: Services, clock: FixedClock
) -> None:
    post = await Post.open(services)
    await post.rows.site()
    target = await post.rows.target("sales@company.example")
    long = "x" * 250
    await post.rows.visit(7, utm_campaign="spring", source_levels=["goo", "x"], marker=long, city="")
    await post.rows.visit(8, utm_campaign="autumn", source_levels=[], marker=long[:240])
    await post.rows.lease(7, target, CODED)
    message_id = (await post.receive(letter(CODED), at=post.minutes(1))).row.id
    assert await _found(services, utm_campaign="spring") == [message_id] == await _found(services, source="goo")
    assert await _found(services, marker=long) == [message_id]
    assert await _found(services, marker=long[:240]) == [] == await _found(services, utm_campaign="autumn")
    await correct_match(services, 1, message_id, 8, "Anna")
    assert await _found(services, utm_campaign="autumn") == [message_id] == await _found(services, marker=long[:240])
    assert await _found(services, utm_campaign="spring") == [] == await _found(services, source="goo")
    await correct_match(services, 1, message_id, None, "Anna")
    assert await _found(services, utm_campaign="autumn") == []
    await correct_match(services, 1, message_id, 7, "Anna")
    clock.advance(timedelta(days=9))
    async with services.db.write() as tx:
        await tx.execute(event.update().values(fanned_at=clock.now()))
    kept = msgspec.structs.replace(services.settings, retention=Retention(letters_days=3))
    assert await forget_old(replace(services, settings=kept))
    async with services.db.read() as tx:
        assert await tx.scalar(select(func.count()).select_from(trait)) == 0


async def test_letters_of_before_are_found_too(services: Services) -> None:
    """As the migration finds them, on the services' own engine."""
    post = await Post.open(services)
    target = await post.rows.target("sales@company.example")
    await post.rows.visit(7, utm_campaign="spring", source_levels=['go"o', "x"], utm_source=None)
    await post.rows.visit(8, source_levels=[], marker="")
    await post.rows.lease(7, target, CODED)
    await post.receive(letter(CODED), at=post.minutes(1))
    async with services.db.write() as tx:
        visit = await find_visit(tx, 1, 7)
        rows = (await tx.execute(select(trait).order_by(trait.c.name, trait.c.value))).all()
        assert visit is not None
        assert [(row.name, row.value) for row in rows] == sorted(list_traits(visit))
        await tx.run_sync(_again)
        assert (await tx.execute(select(trait).order_by(trait.c.name, trait.c.value))).all() == rows


def _again(connection: Connection) -> None:
    """Takes the migration back by hand, and runs it once more."""
    connection.execute(text("DROP TABLE trait"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0026'"))
    config = Config()
    config.set_main_option("script_location", str(migrate._folder()))
    config.attributes["connection"] = connection
    command.upgrade(config, "0027")
    connection.execute(text("UPDATE alembic_version SET version_num = '0033'"))
    command.upgrade(config, "0034")
