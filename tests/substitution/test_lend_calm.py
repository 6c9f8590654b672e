"""B04, B07: the pool on a real database lends where a letter is least likely still to come."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from sqlalchemy import select

from tests.substitution.samples import HOLD, MINUTE, SALES, Desk, pool_text
from wherefrom.db import Database
from wherefrom.services import Services
from wherefrom.settings import Settings, SubstitutionGroup
from wherefrom.substitution.habits import USUAL, Sign
from wherefrom.substitution.lend import touch_leases
from wherefrom.substitution.risk import read_claims
from wherefrom.substitution.settle import record_letters
from wherefrom.substitution.store.habits import claim_tally, find_habits, set_tally
from wherefrom.substitution.tables import substitute
from wherefrom.substitution.tally import Credit, Lesson
from wherefrom.tokens import Ids

DAY = timedelta(days=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As it is without a word in the settings file: no fixed rest."""
    return structs.replace(settings, substitution=SubstitutionGroup())


async def sign(desk: Desk, visit: int, kind: Sign, found: str) -> None:
    async with desk.services.db.write() as tx:
        await touch_leases(tx, 1, visit, desk.clock.now(), desk.services.settings, sign=kind, found=found)


async def letter(desk: Desk, visit: int, address: str, share: float = 1.0) -> None:
    """A letter to the address that this visit wrote."""
    (lease_id,) = [one.lease_id for one in await desk.holders(address) if one.visit_id == visit]
    async with desk.services.db.write() as tx:
        credit = Credit(lease_id, 1, address, Lesson("copy", 600.0, share))
        await record_letters(tx, 1, [[credit]], desk.clock.now())


async def signs_on(desk: Desk, address: str) -> list[str]:
    async with desk.services.db.read() as tx:
        query = select(substitute.c.claims).where(substitute.c.address_key == address.lower())
        return [one.sign for one in read_claims(await tx.scalar(query))]


async def lend(desk: Desk, visit: int) -> str:
    address = await desk.lend(visit)
    assert address is not None
    return address


async def test_without_a_fixed_rest_an_address_is_free_when_its_lease_is_over(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    address = await lend(desk, 1)
    desk.wait(HOLD - timedelta(milliseconds=1))
    assert await desk.lend(2) is None
    desk.wait(timedelta(milliseconds=1))
    assert await desk.lend(2) == address


async def test_the_address_of_a_copy_is_passed_over_for_days(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(3))
    copied = await lend(desk, 1)
    await sign(desk, 1, "copy", copied)
    for visit in range(2, 30):
        desk.wait(2 * HOLD)
        assert await desk.lend(visit) != copied


@pytest.mark.parametrize("named", ["substitute", "target"])
async def test_the_page_may_name_what_was_copied_by_substitute_or_target(desk: Desk, named: str) -> None:
    await desk.add(strategy="pool", pool=pool_text(2))
    await desk.add("info@company.com", strategy="pool", pool=pool_text(2, "info"))
    shown = await desk.lend_all(1, 1, SALES, "info@company.com")
    await sign(desk, 1, "copy", shown[SALES].upper() if named == "substitute" else SALES)
    assert await signs_on(desk, shown[SALES]) == ["copy"]
    assert await signs_on(desk, shown["info@company.com"]) == ["visible"]


async def test_a_sign_on_another_address_or_a_look_changes_nothing(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(2))
    address = await lend(desk, 1)
    await sign(desk, 1, "copy", "nobody@company.com")
    await sign(desk, 1, "copy", "no address")
    await sign(desk, 1, "visible", address)
    await sign(desk, 2, "copy", address)
    assert await signs_on(desk, address) == ["visible"]


async def test_a_copy_from_a_page_whose_address_went_to_another_still_counts(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    address = await lend(desk, 1)
    desk.wait(HOLD)
    assert await desk.lend(2) == address
    await sign(desk, 1, "mailto", address)
    assert await signs_on(desk, address) == ["visible", "mailto"]


async def test_when_the_letter_has_come_the_address_goes_out_again(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(2))
    copied = await lend(desk, 1)
    await sign(desk, 1, "copy", copied)
    desk.wait(2 * HOLD)
    other = await lend(desk, 2)
    desk.wait(HOLD)
    await letter(desk, 1, copied)
    assert await desk.lend(3) == copied
    assert await desk.lend(4) == other


async def test_a_letter_that_was_hardly_this_visits_leaves_its_address_held_back(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(2))
    copied = await lend(desk, 1)
    await sign(desk, 1, "copy", copied)
    other = await lend(desk, 2)
    desk.wait(3 * HOLD)
    await letter(desk, 1, copied, share=0.05)
    assert await desk.lend(3) == other


async def test_a_rest_that_the_owner_sets_is_kept_before_anything_else(desk: Desk) -> None:
    slow = Desk(replace(desk.services, settings=Settings(substitution=SubstitutionGroup(cooldown_minutes=60))))
    await slow.add(strategy="pool", pool=pool_text(2))
    copied = await lend(slow, 1)
    await sign(slow, 1, "copy", copied)
    slow.wait(50 * MINUTE)
    looked = await lend(slow, 2)
    slow.wait(30 * MINUTE)
    assert await slow.lend(3) == copied  # rested for an hour, though a letter may come; the other has not
    assert looked != copied


async def test_letters_teach_the_site_its_habits_and_no_other_site(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    address = await lend(desk, 1)
    async with desk.services.db.read() as tx:
        before = await find_habits(tx, 1)
    for _ in range(40):
        await letter(desk, 1, address)
    async with desk.services.db.read() as tx:
        after, other = await find_habits(tx, 1), await find_habits(tx, 2)
    assert before == other
    assert after.readiness["copy"] > before.readiness["copy"]
    assert before.readiness["copy"] == pytest.approx(USUAL.readiness["copy"])


async def test_the_habits_of_the_site_decide_what_goes_out(desk: Desk) -> None:
    """Where looks are followed by letters as often as copies, the older one goes first."""
    await desk.add(strategy="pool", pool=pool_text(2))
    copied, looked = await lend(desk, 1), None
    await sign(desk, 1, "copy", copied)
    desk.wait(3 * HOLD)
    looked = await lend(desk, 2)
    desk.wait(HOLD)
    async with desk.services.db.write() as tx:
        claimed = await claim_tally(tx, 1)
        assert claimed is not None
        tally, _ = claimed
        tally.add_leases({"visible": 300, "copy": 30_000})
        tally.add_letter([Lesson("visible", 600.0, 280.0)], USUAL)
        await set_tally(tx, 1, tally)
    assert looked != copied
    assert await desk.lend(3) == copied


async def test_two_processes_that_lend_and_learn_at_once_wait_for_nobody(desk: Desk, services: Services) -> None:
    second = replace(services, db=Database(services.settings.database.url), ids=Ids(node=2))
    both = (desk, Desk(second))
    try:
        await desk.add(strategy="pool", pool=pool_text(8))
        shown = {visit: await lend(desk, visit) for visit in range(8)}
        async with asyncio.timeout(60):
            await asyncio.gather(
                *(sign(both[visit % 2], visit, "copy", address) for visit, address in shown.items()),
                *(letter(both[(visit + 1) % 2], visit, address) for visit, address in shown.items()),
                *(both[visit % 2].lend(visit + 100) for visit in range(8)),
            )
        desk.wait(DAY)
        again = await asyncio.gather(*(both[visit % 2].lend(visit + 200) for visit in range(8)))
        lent = [one for one in again if one is not None]
        assert len(lent) == len(set(lent)) > 0
        assert desk.services.db.dialect != "sqlite" or len(lent) == 8
    finally:
        await second.db.close()
