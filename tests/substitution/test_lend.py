"""Coded substitutes lent to visits, and what attribution finds of them later."""

import asyncio
from datetime import timedelta

import pytest

from tests.substitution.samples import HOLD, MINUTE, SALES, Desk, pool_text
from wherefrom.db import Tx
from wherefrom.services import Services
from wherefrom.substitution.add import set_target
from wherefrom.substitution.borrower import Borrower
from wherefrom.substitution.code import is_made_for
from wherefrom.substitution.coded import Draft, lend_codes
from wherefrom.substitution.lease import Terms
from wherefrom.substitution.lend import lend
from wherefrom.substitution.store import list_targets
from wherefrom.substitution.target import Options


async def test_a02_a_visit_gets_one_code_per_target_and_keeps_it(desk: Desk) -> None:
    await desk.add()
    await desk.add("info@company.com", strategy="catchall", domain="in.company.com", code_form="name")
    both = (SALES, "info@company.com")
    first = await desk.lend_all(7, 1, *both)
    assert set(first) == set(both)
    desk.wait(3 * HOLD)
    assert await desk.lend_all(7, 1, *both) == first
    assert await desk.lend_all(7, 1, SALES) == {SALES: first[SALES]}
    assert len(await desk.holders(*first.values())) == 2


async def test_another_visit_gets_another_code_even_of_the_same_visitor(desk: Desk) -> None:
    await desk.add()
    addresses = {await desk.lend(visit, visitor=1) for visit in range(1, 21)}
    assert len(addresses) == 20


async def test_each_visit_is_found_by_its_address_for_ever(desk: Desk) -> None:
    one = await desk.add()
    address = await desk.lend(7, visitor=3)
    assert address is not None
    leased_at = desk.clock.now()
    desk.wait(timedelta(days=400))
    for spelled in (address, address.upper(), f" {address} "):
        (holder,) = await desk.holders(spelled, "sales+23456789@company.com", "no address")
        assert (holder.visit_id, holder.visitor_id, holder.target_id, holder.target) == (7, 3, one.id, SALES)
        assert (holder.address, holder.strategy, holder.guessable, holder.shared) == (address, "plus", False, False)
        assert (holder.leased_at, holder.last_seen_at, holder.expires_at) == (leased_at, leased_at, leased_at + HOLD)


async def test_e01_a_code_nobody_was_given_has_no_holder(desk: Desk) -> None:
    await desk.add()
    await desk.lend(7)
    assert await desk.holders("sales+23456789@company.com", SALES) == []
    assert await desk.holders() == []


async def test_the_bare_visit_number_is_marked_as_guessable(desk: Desk) -> None:
    await desk.add(code_form="visit")
    assert await desk.lend(123456) == "sales+123456@company.com"
    (holder,) = await desk.holders("sales+123456@company.com")
    assert holder.guessable


async def test_a05_only_enabled_targets_of_this_site_are_substituted(desk: Desk, services: Services) -> None:
    other = Desk(services, site_id=2)
    one, _ = await desk.add(), await other.add("info@company.com")
    assert await desk.lend_all(7, 1, SALES, "info@company.com", "no address", "") == {
        SALES: (await desk.lend_all(7, 1, SALES))[SALES]
    }
    await set_target(services, 1, one.id, Options(), enabled=False)
    assert await desk.lend_all(7, 1, SALES) == {}
    assert await desk.lend_all(7, 1, "nobody@company.com") == {}


async def test_answers_are_spelled_as_the_page_spells_the_target(desk: Desk) -> None:
    await desk.add()
    await desk.add("info@bücher.example")
    shown = await desk.lend_all(7, 1, "SALES@COMPANY.COM", SALES, SALES, "Info@Bücher.example")
    assert set(shown) == {"SALES@COMPANY.COM", SALES, "Info@Bücher.example"}
    assert shown[SALES] == shown["SALES@COMPANY.COM"]
    assert shown["Info@Bücher.example"].endswith("@xn--bcher-kva.example")


async def test_sites_do_not_share_leases(desk: Desk, services: Services) -> None:
    other = Desk(services, site_id=2)
    await desk.add(code_form="visit")
    await other.add(code_form="visit")
    await desk.lend(7)
    assert await other.holders("sales+7@company.com") == []
    await other.lend(7, visitor=99)
    (holder,) = await other.holders("sales+7@company.com")
    assert holder.visitor_id == 99


async def test_a_changed_separator_is_used_at_once_and_the_old_address_still_leads_to_the_visit(
    desk: Desk, services: Services
) -> None:
    one = await desk.add()
    old = await desk.lend(7)
    await set_target(services, 1, one.id, Options(separator="-"))
    new = await desk.lend(7)
    assert old is not None
    assert new is not None
    assert new.startswith("sales-")
    assert await desk.lend(7) == new
    await set_target(services, 1, one.id, Options(separator="+"))
    assert await desk.lend(7) == old
    assert [holder.visit_id for holder in await desk.holders(old, new)] == [7, 7]


async def test_a_code_that_was_given_out_before_is_drawn_again(desk: Desk, services: Services) -> None:
    one = await desk.add()
    drawn = await desk.lend(1)
    assert drawn is not None
    terms = Terms.of(services.settings)
    borrower = Borrower(site_id=1, visit_id=2, visitor_id=2, now=desk.clock.now(), terms=terms)
    async with services.db.write() as tx:
        (lease,) = await lend_codes(tx, [Draft(borrower, one, services.ids.next(), drawn)])
    assert lease is not None
    assert lease.address != drawn
    assert is_made_for(one, lease.address, 2)


async def test_a_visit_number_that_would_be_another_visits_address_is_not_shown(desk: Desk) -> None:
    await desk.add("sales@company.com", code_form="visit", separator=".")
    await desk.add("sales.1@company.com", code_form="visit", separator=".")
    await desk.add("sales.1.2@company.com", code_form="visit", separator=".")
    assert await desk.lend_all(2, 1, "sales.1@company.com") == {"sales.1@company.com": "sales.1.2@company.com"}
    assert await desk.lend_all(2, 1, "sales.1@company.com") == {"sales.1@company.com": "sales.1.2@company.com"}


async def test_b02_a_sign_of_life_holds_the_lease_on(desk: Desk) -> None:
    await desk.add()
    address = await desk.lend(7)
    start = desk.clock.now()
    desk.wait(10 * MINUTE)
    await desk.touch(7)
    await desk.touch(8)
    (holder,) = await desk.holders(address or "")
    assert (holder.leased_at, holder.last_seen_at) == (start, start + 10 * MINUTE)
    assert holder.expires_at == start + 10 * MINUTE + HOLD


async def test_twenty_visits_at_once_in_one_group_commit_all_get_their_own(desk: Desk, services: Services) -> None:
    await desk.add()
    now = services.clock.now()

    async def visit(number: int) -> str:
        async def piece(tx: Tx) -> str:
            (lent,) = await lend(
                tx, now=now, ids=services.ids, site_id=1, visit_id=number, visitor_id=number, found=[SALES],
                settings=services.settings,
            )  # fmt: skip
            return lent.address

        return await services.db.batch(piece)

    addresses = await asyncio.gather(*(visit(number) for number in range(20)))
    holders = await desk.holders(*addresses)
    assert {holder.address: holder.visit_id for holder in holders} == {a: n for n, a in enumerate(addresses)}


async def test_b02_a_lease_whose_write_fails_was_never_lent(desk: Desk, services: Services) -> None:
    await desk.add()
    await desk.add("info@company.com", strategy="pool", pool=pool_text(1))
    with pytest.raises(RuntimeError):
        async with services.db.write() as tx:
            lent = await lend(
                tx, now=services.clock.now(), ids=services.ids, site_id=1, visit_id=7, visitor_id=7,
                found=[SALES, "info@company.com"], settings=services.settings,
            )  # fmt: skip
            assert len(lent) == 2
            raise RuntimeError
    assert await desk.holders(*(one.address for one in lent)) == []
    assert len(await desk.lend_all(8, 8, SALES, "info@company.com")) == 2
    async with services.db.read() as tx:
        assert [one.refused for one in await list_targets(tx, 1)] == [0, 0]


async def test_in_one_group_commit_an_address_of_anothers_is_kept_from_the_visit_that_would_get_it(
    desk: Desk, services: Services
) -> None:
    """The check is made for the whole batch at its end, and what it refuses is found out piece by piece."""
    one = await desk.add(code_form="visit", separator="-")
    await desk.add("info@company.com", strategy="pool", pool="sales+8@company.com")
    assert await desk.lend_all(3, 3, "info@company.com") == {"info@company.com": "sales+8@company.com"}
    await set_target(services, 1, one.id, Options(separator="+"))
    now = services.clock.now()

    async def visit(number: int) -> list[str]:
        lent = await services.db.batch(
            lambda tx: lend(
                tx, now=now, ids=services.ids, site_id=1, visit_id=number, visitor_id=number, found=[SALES],
                settings=services.settings, began=True,
            )
        )  # fmt: skip
        return [one.address for one in lent]

    assert await asyncio.gather(*(visit(number) for number in range(6, 11))) == [
        ["sales+6@company.com"], ["sales+7@company.com"], [], ["sales+9@company.com"], ["sales+10@company.com"],
    ]  # fmt: skip
    (holder,) = await desk.holders("sales+8@company.com")
    assert holder.visit_id == 3
