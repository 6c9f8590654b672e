"""Letters that are sorted together become what they become one after the other."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.inbox.letters import Post, letter
from wherefrom.events.tables import late_change
from wherefrom.inbox.tables import author, match, message, trait
from wherefrom.services import Services
from wherefrom.substitution.store.habits import find_habits

VISITS = range(1, 9)
POOL = "help-1@company.example"
SENDERS = ("ann@customer.example", "bob@customer.example", "eve@customer.example", "noreply@machine.example")
OTHERS = ("sales+f0rged99@company.example", "sales@company.example", "somebody@company.example")
LETTERS = 45


@pytest.mark.parametrize("seed", range(4))
async def test_letters_sorted_together_become_what_they_become_one_by_one(services: Services, seed: int) -> None:
    one_by_one, together = await prepared(services, 1), await prepared(services, 2)
    for raw, where in letters(one_by_one, seed):
        await one_by_one.receive(raw, **where)
    for raw, where in letters(together, seed):
        await together.store(raw, **where)
    await together.sort()
    expected, found = await outcome(one_by_one), await outcome(together)
    assert len(expected) == LETTERS
    for n, (of_one, of_other) in enumerate(zip(expected, found, strict=True)):
        assert of_other == of_one, f"letter {n}"
    kinds = {(one["status"], one["rule"]) for one in expected}
    assert {("sorted", "code"), ("sorted", "thread"), ("duplicate", None)} <= kinds, "the letters are too much alike"
    async with services.db.read() as tx:
        expected_habits, found_habits = await find_habits(tx, 1), await find_habits(tx, 2)
    assert found_habits.letters == pytest.approx(expected_habits.letters)
    assert found_habits.readiness == pytest.approx(expected_habits.readiness)


async def test_sums_hear_of_old_letters_by_the_quarter_of_an_hour(services: Services) -> None:
    """One word for each would be more rows than letters."""
    post = await prepared(services, 1)
    hour = services.clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=9)
    for n, minute in enumerate((0, 14, 15, 44)):
        await post.store(letter(message_id=f"<{n}@x>"), at=hour + timedelta(minutes=minute))
    await post.sort()
    async with services.db.read() as tx:
        noted = list(await tx.scalars(select(late_change.c.begin_at).order_by(late_change.c.begin_at)))
    assert [moment - hour for moment in noted] == [timedelta(minutes=one) for one in (0, 15, 44)]


async def prepared(services: Services, site_id: int) -> Post:
    post = await Post.open(services, site_id)
    coded, pool = (
        await post.rows.target("sales@company.example"),
        await post.rows.target("help@company.example", "pool"),
    )
    await post.rows.substitute(pool, POOL)
    for visit_id in VISITS:
        await post.rows.visit(visit_id, visitor_id=visit_id % 5 + 1)
        await post.rows.lease(visit_id, coded, f"sales+given{visit_id:03}@company.example")
        if visit_id % 2:
            await post.rows.lease(visit_id, pool, POOL, "pool")
            await post.rows.intent(visit_id, "copy", POOL)
    return post


def letters(post: Post, seed: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Answers to each other, copies, letters of machines and of people who write often, codes that nobody has."""
    chance = random.Random(seed)
    sent: list[tuple[bytes, str]] = []
    for n in range(LETTERS):
        where = {"at": post.minutes(n + chance.choice((1, 1, 1, -40))), "folder_kind": "inbox"}
        if chance.random() < 0.1:
            where["folder_kind"] = "junk"
        if sent and chance.random() < 0.15:
            yield chance.choice(sent)[0], where
            continue
        given = f"sales+given{chance.choice(VISITS):03}@company.example"
        to = chance.choice((given, POOL, *OTHERS))
        headers = {"In_Reply_To": chance.choice(sent)[1]} if sent and chance.random() < 0.4 else {}
        if chance.random() < 0.1:
            headers["Auto_Submitted"] = "auto-replied"
        message_id = chance.choice(sent)[1] if sent and chance.random() < 0.05 else f"<{n}@x>"
        raw = letter(to, f"letter {n}", sender=chance.choice(SENDERS), message_id=message_id, **headers)
        sent.append((raw, message_id))
        yield raw, where


async def outcome(post: Post) -> list[dict[str, Any]]:
    """What is known of each of the site's letters, in the order they came, without ids that nobody can foresee."""
    site_id = post.rows.site_id
    async with post.services.db.read() as tx:
        query = (
            select(
                message.c.id, message.c.status, message.c.status_reason, message.c.folder_kind, message.c.duplicate_of,
                message.c.first_of_thread, message.c.to_address, message.c.from_address, message.c.subject,
                match.c.visit_id, match.c.rule, match.c.confidence, match.c.reasons, match.c.candidates,
            )
            .outerjoin(match, (match.c.site_id == message.c.site_id) & (match.c.message_id == message.c.id))
            .where(message.c.site_id == site_id)
            .order_by(message.c.uid)
        )  # fmt: skip
        rows = [dict(row._mapping) for row in await tx.execute(query)]
        authors = list(await tx.execute(select(author).where(author.c.site_id == site_id).order_by(author.c.visit_id)))
        traits = list(await tx.execute(select(trait).where(trait.c.site_id == site_id).order_by(trait.c.name)))
    place = {row["id"]: n for n, row in enumerate(rows)}
    for row in rows:
        own = row.pop("id")
        row["duplicate_of"] = place.get(row["duplicate_of"])
        row["authors"] = [(one.visit_id, one.share, one.sign, one.seconds, one.counts) for one in authors
                          if one.message_id == own]  # fmt: skip
        row["traits"] = [(one.name, one.value) for one in traits if one.message_id == own]
        row["events"] = [(one.type, one.data["message"]["subject"]) for one in await post.events(own)]
    return rows
