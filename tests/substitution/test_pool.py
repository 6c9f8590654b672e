"""Addresses of a pool: lent to one visit at a time, given back, refused or shared when there is none."""

import pytest
from sqlalchemy import update

from tests.substitution.samples import COOLDOWN, HOLD, MINUTE, SALES, Desk, pool_text
from wherefrom.services import Services
from wherefrom.substitution.add import add_substitutes, retire_substitute, set_target
from wherefrom.substitution.lease import SubstituteStatus
from wherefrom.substitution.release import release_expired
from wherefrom.substitution.store import find_holders, list_targets
from wherefrom.substitution.store.substitutes import list_substitutes, mark_status
from wherefrom.substitution.tables import substitute
from wherefrom.substitution.target import Options, Target


async def statuses(services: Services, one: Target) -> list[str]:
    async with services.db.read() as tx:
        return [found.status.value for found in await list_substitutes(tx, one.site_id, one.id)]


async def counts(services: Services) -> tuple[int, int]:
    async with services.db.read() as tx:
        (one,) = await list_targets(tx, 1)
    return one.refused, one.shared


async def test_a03_each_visit_has_an_address_to_itself(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(3))
    assert {await desk.lend(visit) for visit in (1, 2, 3)} == set(pool_text(3).split())
    assert await desk.lend(4) is None


async def test_b02_a_visit_keeps_its_address_from_page_to_page(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(3))
    address = await desk.lend(1)
    for _ in range(10):
        desk.wait(14 * MINUTE)
        assert await desk.lend(1) == address
    (holder,) = await desk.holders(address or "")
    assert holder.expires_at == desk.clock.now() + HOLD
    assert holder.expires_at - holder.leased_at == 140 * MINUTE + HOLD


async def test_b04_an_address_is_lent_again_when_it_has_cooled_and_not_before(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    address = await desk.lend(1)
    desk.wait(HOLD + COOLDOWN - MINUTE)
    assert await desk.lend(2) is None
    desk.wait(MINUTE)
    assert await desk.lend(2) == address


async def test_b04_the_longest_idle_is_lent_first(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(3))
    order = []
    for visit in (1, 2, 3):
        order.append(await desk.lend(visit))
        desk.wait(MINUTE)
    await desk.touch(1)  # now the first is the one in use the latest
    desk.wait(HOLD + COOLDOWN)
    assert [await desk.lend(visit) for visit in (4, 5, 6)] == [order[1], order[2], order[0]]


async def test_b03_a_returning_visitor_gets_the_same_address_back_even_while_it_cools(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(3))
    address = await desk.lend(1, visitor=9)
    desk.wait(MINUTE)
    await desk.lend(2, visitor=8)
    desk.wait(HOLD + COOLDOWN / 2)
    assert await desk.lend(3, visitor=9) == address
    assert [holder.visit_id for holder in await desk.holders(address or "")] == [1, 3]


async def test_b03_a_returning_visitor_gets_an_address_back_that_another_had_in_between(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    address = await desk.lend(1, visitor=9)
    desk.wait(HOLD + COOLDOWN)
    assert await desk.lend(2, visitor=8) == address
    await add_substitutes(desk.services, 1, one.id, "new1@company.com\nnew2@company.com")
    assert await desk.lend(3, visitor=9) == "new1@company.com"  # while the other holds it
    desk.wait(HOLD + COOLDOWN)
    assert await desk.lend(4, visitor=9) == "new1@company.com"  # of both, the one the visitor was the last to have
    assert await desk.lend(5, visitor=8) == address


async def test_b03_a_returning_visitor_gets_an_old_address_before_one_idle_for_longer(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(2))
    old = await desk.lend(1, visitor=9)
    other = await desk.lend(2, visitor=8)
    desk.wait(HOLD + COOLDOWN)
    assert await desk.lend(3, visitor=7) == old
    desk.wait(HOLD + COOLDOWN)
    assert await desk.lend(4, visitor=9) == old
    assert await desk.lend(5, visitor=6) == other


async def test_a_new_visit_of_the_visitor_takes_over_from_the_earlier_one_in_that_moment(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(2))
    address = await desk.lend(1, visitor=9)
    desk.wait(5 * MINUTE)
    assert await desk.lend(2, visitor=9) == address
    earlier, later = await desk.holders(address or "")
    assert (earlier.visit_id, earlier.expires_at) == (1, desk.clock.now())
    assert (later.visit_id, later.leased_at, later.shared) == (2, desk.clock.now(), False)
    desk.wait(MINUTE)
    await desk.touch(1)  # a page of the earlier visit is still open
    earlier, later = await desk.holders(address or "")
    assert earlier.expires_at == later.leased_at
    assert earlier.last_seen_at == desk.clock.now()


async def test_b02_signs_of_life_hold_an_address_and_their_end_lets_it_go(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    address = await desk.lend(1)
    for _ in range(5):
        desk.wait(14 * MINUTE)
        await desk.touch(1)
    assert await desk.lend(2) is None
    desk.wait(HOLD + COOLDOWN)
    assert await desk.lend(2) == address


async def test_a_page_that_wakes_up_late_holds_on_if_nobody_else_was_given_the_address(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    address = await desk.lend(1)
    desk.wait(HOLD + COOLDOWN + MINUTE)
    await desk.touch(1)
    assert await desk.lend(2) is None
    (holder,) = await desk.holders(address or "")
    assert holder.expires_at == desk.clock.now() + HOLD


async def test_a_page_that_wakes_up_too_late_does_not_win_the_address_back(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    address = await desk.lend(1)
    start = desk.clock.now()
    desk.wait(HOLD + COOLDOWN)
    assert await desk.lend(2) == address
    desk.wait(MINUTE)
    await desk.touch(1)
    assert await desk.lend(1) is None
    first, second = await desk.holders(address or "")
    assert (first.expires_at, first.last_seen_at) == (start + HOLD, desk.clock.now())
    assert second.expires_at == desk.clock.now() - MINUTE + HOLD


async def test_b05_an_empty_pool_shows_the_real_address_and_counts_it(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    await desk.lend(1)
    assert [await desk.lend(visit) for visit in (2, 3)] == [None, None]
    assert await counts(desk.services) == (2, 0)


async def test_b05_an_empty_pool_that_shares_lends_what_was_quiet_the_longest_and_marks_it(desk: Desk) -> None:
    await desk.add(strategy="pool", when_empty="share", pool=pool_text(2))
    first = await desk.lend(1)
    desk.wait(MINUTE)
    second = await desk.lend(2)
    desk.wait(MINUTE)
    assert [await desk.lend(visit) for visit in (3, 4, 5)] == [first, second, first]
    assert await counts(desk.services) == (0, 3)
    assert [(holder.visit_id, holder.shared) for holder in await desk.holders(first or "")] == [
        (1, False), (3, True), (5, True),
    ]  # fmt: skip


async def test_b05_an_address_whose_holder_clicked_it_is_not_shared_before_one_that_was_only_seen(desk: Desk) -> None:
    await desk.add(strategy="pool", when_empty="share", pool=pool_text(2))
    clicked = await desk.lend(1)
    await desk.touch(1, sign="mailto", found=clicked or "")
    desk.wait(MINUTE)
    seen = await desk.lend(2)
    desk.wait(MINUTE)
    assert [await desk.lend(visit) for visit in (3, 4)] == [seen, seen]


async def test_b05_a_cooling_address_is_shared_before_a_held_one(desk: Desk) -> None:
    await desk.add(strategy="pool", when_empty="share", pool=pool_text(2))
    held, cooling = await desk.lend(1), await desk.lend(2)
    desk.wait(10 * MINUTE)
    await desk.touch(1)
    desk.wait(10 * MINUTE)
    assert await desk.lend(3) == cooling
    await desk.touch(1)
    (_, holder) = await desk.holders(cooling or "")
    assert holder.shared
    assert [one.shared for one in await desk.holders(held or "")] == [False]


async def test_a_visit_that_shares_keeps_its_address_and_its_mark(desk: Desk) -> None:
    await desk.add(strategy="pool", when_empty="share", pool=pool_text(2))
    await desk.lend(1)
    desk.wait(MINUTE)
    await desk.lend(2)
    shared = await desk.lend(3)
    for _ in range(3):
        desk.wait(10 * MINUTE)
        await desk.touch(3)
        assert await desk.lend(3) == shared
    assert [one.visit_id for one in await desk.holders(shared or "")] == [1, 3]


async def test_a_visit_that_shared_and_went_silent_does_not_win_the_address_back(desk: Desk) -> None:
    await desk.add(strategy="pool", when_empty="share", pool=pool_text(1))
    address = await desk.lend(1)
    start = desk.clock.now()
    await desk.lend(2)
    for _ in range(2):
        desk.wait(10 * MINUTE)
        await desk.touch(1)
    await desk.touch(2)
    _, holder = await desk.holders(address or "")
    assert (holder.expires_at, holder.last_seen_at) == (start + HOLD, desk.clock.now())


async def test_a_shared_address_goes_to_one_alone_only_when_all_have_left(desk: Desk) -> None:
    await desk.add(strategy="pool", when_empty="share", pool=pool_text(1))
    address = await desk.lend(1)
    desk.wait(10 * MINUTE)
    await desk.lend(2)
    desk.wait(10 * MINUTE)
    await desk.touch(2)
    desk.wait(COOLDOWN)  # the first holder has cooled, the second has not
    assert await desk.lend(3) == address
    desk.wait(HOLD + COOLDOWN)
    assert await desk.lend(4) == address
    assert [one.shared for one in await desk.holders(address or "")] == [False, True, True, False]


async def test_a_returning_visitor_does_not_take_an_address_that_others_share(desk: Desk) -> None:
    await desk.add(strategy="pool", when_empty="share", pool=pool_text(2))
    first, second = await desk.lend(1, visitor=9), await desk.lend(2)
    assert await desk.lend(3) == first
    for _ in range(9):
        desk.wait(10 * MINUTE)
        await desk.touch(3)
    assert await desk.lend(4, visitor=9) == second
    (_, holder) = await desk.holders(second or "")
    assert not holder.shared


async def test_b04_a_retired_address_is_lent_no_more_and_still_leads_to_its_visits(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(2))
    address = await desk.lend(1)
    async with desk.services.db.read() as tx:
        (first, _) = await list_substitutes(tx, 1, one.id)
    assert first.address == address
    assert (await retire_substitute(desk.services, 1, one.id, first.id)).status is SubstituteStatus.RETIRED
    await retire_substitute(desk.services, 1, one.id, first.id)
    await desk.touch(1)
    assert await desk.lend(1) != address
    assert await desk.lend(2) is None
    desk.wait(9 * COOLDOWN)
    await release_expired(desk.services)
    assert {await desk.lend(3), await desk.lend(4)} == {"pool1@company.com", None}
    assert [holder.visit_id for holder in await desk.holders(address or "")] == [1]
    assert await statuses(desk.services, one) == ["retired", "leased"]


async def test_b04_an_unverified_address_is_not_lent(desk: Desk, services: Services) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    async with services.db.write() as tx:
        (only,) = await list_substitutes(tx, 1, one.id)
        assert await mark_status(tx, 1, only.id, SubstituteStatus.UNVERIFIED, desk.clock.now())
    assert await desk.lend(1) is None
    async with services.db.write() as tx:
        assert not await mark_status(tx, 1, only.id, SubstituteStatus.LEASED, desk.clock.now())
        assert await mark_status(tx, 1, only.id, SubstituteStatus.FREE, desk.clock.now())
    assert await desk.lend(1) == only.address


async def test_pools_of_two_targets_and_two_sites_are_apart(desk: Desk, services: Services) -> None:
    other = Desk(services, site_id=2)
    await desk.add(strategy="pool", pool=pool_text(1, "a"))
    await desk.add("info@company.com", strategy="pool", pool=pool_text(1, "b"))
    await other.add(strategy="pool", pool=pool_text(1, "a"))
    assert await desk.lend_all(1, 1, SALES, "info@company.com") == {
        SALES: "a0@company.com", "info@company.com": "b0@company.com",
    }  # fmt: skip
    assert await other.lend(1) == "a0@company.com"


async def test_b04_the_worker_writes_down_what_time_has_done(desk: Desk, services: Services) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(3))
    assert not await release_expired(services)
    await desk.lend(1)
    desk.wait(10 * MINUTE)
    await desk.lend(2)
    assert not await release_expired(services)
    desk.wait(5 * MINUTE)
    assert await release_expired(services)
    assert await statuses(services, one) == ["cooling", "leased", "free"]
    desk.wait(COOLDOWN)
    assert await release_expired(services)
    assert await statuses(services, one) == ["free", "cooling", "free"]
    assert not await release_expired(services)


async def test_lending_is_the_same_whether_the_worker_runs_or_not(desk: Desk, services: Services) -> None:
    idle = Desk(services, site_id=2)
    for each in (desk, idle):
        await each.add(strategy="pool", pool=pool_text(2))
    seen = []
    for visit in range(1, 30):
        await release_expired(services)
        seen.append(await desk.lend(visit, visitor=visit % 4))
        async with services.db.write() as tx:  # a site whose statuses nobody ever wrote down
            await tx.execute(update(substitute).where(substitute.c.site_id == 2).values(status="leased"))
        assert await idle.lend(visit, visitor=visit % 4) == seen[-1]
        desk.wait(17 * MINUTE)
    assert len(set(seen)) == 3


async def test_old_leases_of_a_pool_may_be_left_out_of_the_search(desk: Desk, services: Services) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    await desk.add("info@company.com")
    shown = await desk.lend_all(1, 1, SALES, "info@company.com")
    desk.wait(HOLD + COOLDOWN)
    await desk.lend(2)
    async with services.db.read() as tx:
        found = await find_holders(tx, 1, shown.values(), since=desk.clock.now() - HOLD)
    assert [(one.visit_id, one.strategy) for one in found] == [(1, "plus"), (2, "pool")]


@pytest.mark.parametrize("when_empty", ["real", "share"])
async def test_a_pool_whose_addresses_are_all_retired_shows_the_real_address(desk: Desk, when_empty: str) -> None:
    one = await desk.add(strategy="pool", when_empty=when_empty, pool=pool_text(1))
    async with desk.services.db.read() as tx:
        (only,) = await list_substitutes(tx, 1, one.id)
    await retire_substitute(desk.services, 1, one.id, only.id)
    assert await desk.lend(1) is None
    assert await counts(desk.services) == (1, 0)


async def test_a_target_that_left_the_pool_strategy_shows_codes_and_its_old_addresses_are_still_found(
    desk: Desk, services: Services
) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    old = await desk.lend(1)
    await set_target(services, 1, one.id, Options(strategy="plus"))
    new = await desk.lend(1)
    await desk.touch(1)
    assert new is not None
    assert new.startswith("sales+")
    assert [holder.strategy for holder in await desk.holders(old or "", new)] == ["pool", "plus"]
    await set_target(services, 1, one.id, Options(strategy="pool"))
    assert await desk.lend(1) == old
