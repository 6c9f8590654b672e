"""Targets and pools as owners add and change them."""

import asyncio
from typing import Any

import pytest

from tests.substitution.samples import COOLDOWN, HOLD, SALES, Desk, pool_text
from wherefrom.errors import BadInput, Conflict, NotFound, WherefromError
from wherefrom.services import Services
from wherefrom.substitution.add import add_substitutes, retire_substitute, set_target
from wherefrom.substitution.lease import SubstituteStatus
from wherefrom.substitution.store import list_pool_keys, list_targets
from wherefrom.substitution.store.substitutes import list_substitutes
from wherefrom.substitution.target import Options


async def everything(services: Services) -> tuple[list[Any], list[Any]]:
    async with services.db.read() as tx:
        listed = await list_targets(tx, 1)
        return listed, [found for one in listed for found in await list_substitutes(tx, 1, one.id)]


async def test_a_target_is_kept_as_it_was_added(desk: Desk) -> None:
    plus = await desk.add(" Sales@Company.COM ", separator="-", code_form="visit")
    pool = await desk.add("info@company.com", strategy="pool", when_empty="share", pool=pool_text(2))
    listed, addresses = await everything(desk.services)
    assert listed == [plus, pool]
    assert plus.address == "Sales@company.com"
    assert [(one.address, one.status, one.target_id) for one in addresses] == [
        ("pool0@company.com", SubstituteStatus.FREE, pool.id),
        ("pool1@company.com", SubstituteStatus.FREE, pool.id),
    ]


@pytest.mark.parametrize(
    ("address", "options", "error", "words"),
    [
        ("nobody", {}, BadInput, "no @"),
        ("a" * 60 + "@company.com", {}, BadInput, "64 octets"),
        ("SALES@company.com", {}, Conflict, "SALES@company.com already"),
        ("new@company.com", {"strategy": "pool"}, BadInput, "no address in the pool"),
        ("new@company.com", {"strategy": "pool", "pool": "x"}, BadInput, "line 1"),
        ("new@company.com", {"strategy": "pool", "pool": "\nNEW@company.com"}, BadInput, "line 2: .* is a target"),
        ("new@company.com", {"strategy": "pool", "pool": SALES}, BadInput, "line 1: .* is a target"),
        ("new@company.com", {"strategy": "pool", "pool": "sales+12@company.com"}, BadInput, "looks like a code"),
        ("new@company.com", {"strategy": "pool", "pool": "new1@company.com\nOLD0@company.com"}, Conflict, "old0@"),
        ("old1@company.com", {}, Conflict, "is a substitute"),
        ("new@company.com", {"pool": "a@company.com"}, BadInput, "no list of addresses"),
        ("new@company.com", {"strategy": "catchall"}, BadInput, "domain"),
    ],
)
async def test_what_will_not_do_is_refused_whole_with_what_to_do(
    desk: Desk, address: str, options: dict[str, Any], error: type[WherefromError], words: str
) -> None:
    await desk.add()
    await desk.add("old@company.com", strategy="pool", pool=pool_text(2, "old"))
    before = await everything(desk.services)
    with pytest.raises(error, match=words) as raised:
        await desk.add(address, **options)
    assert raised.value.hint
    assert raised.value.extra["field"] in ("address", "pool", "domain")
    assert await everything(desk.services) == before


async def test_other_sites_may_have_the_same_addresses(desk: Desk, services: Services) -> None:
    await desk.add(strategy="pool", pool=pool_text(1))
    await Desk(services, site_id=2).add(strategy="pool", pool=pool_text(1))


async def test_the_same_target_added_twice_at_once_is_there_once(desk: Desk) -> None:
    results = await asyncio.gather(*(desk.add() for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in results) == 3
    assert len((await everything(desk.services))[0]) == 1


async def test_addresses_are_added_to_a_pool_and_lent_after_those_idle_for_longer(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    desk.wait(HOLD)
    (new,) = await add_substitutes(desk.services, 1, one.id, "new@company.com  # by the door")
    assert (new.address, new.idle_since) == ("new@company.com", desk.clock.now())
    assert [await desk.lend(visit) for visit in (1, 2)] == ["pool0@company.com", "new@company.com"]
    async with desk.services.db.read() as tx:
        assert await list_pool_keys(tx, 1, ["new@company.com", "x@company.com"]) == {"new@company.com"}
        assert await list_pool_keys(tx, 2, ["new@company.com"]) == frozenset()


async def test_addresses_the_pool_has_already_are_named_and_none_is_added(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(8))
    with pytest.raises(Conflict, match=r"pool0@company\.com.* and 3 more: in this pool already"):
        await add_substitutes(desk.services, 1, one.id, pool_text(8) + "\nnew@company.com")
    assert len((await everything(desk.services))[1]) == 8


async def test_the_same_addresses_added_twice_at_once_are_there_once(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    added = [add_substitutes(desk.services, 1, one.id, "a@company.com\nb@company.com") for _ in range(4)]
    results = await asyncio.gather(*added, return_exceptions=True)
    assert sum(isinstance(result, Conflict) for result in results) == 3
    assert len((await everything(desk.services))[1]) == 3


async def test_a_retired_address_comes_back_when_it_is_added_again(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    other = await desk.add("info@company.com", strategy="pool", pool="b@company.com")
    address = await desk.lend(1)
    (_, (only, _)) = await everything(desk.services)
    await retire_substitute(desk.services, 1, one.id, only.id)
    with pytest.raises(Conflict, match="a pool of this site"):
        await add_substitutes(desk.services, 1, other.id, "pool0@company.com")
    (back,) = await add_substitutes(desk.services, 1, one.id, "POOL0@company.com")
    assert (back.id, back.status) == (only.id, SubstituteStatus.FREE)
    assert await desk.lend(2) is None  # the first visit holds it still
    desk.wait(HOLD + COOLDOWN)
    assert await desk.lend(2) == address


async def test_only_a_pool_takes_addresses(desk: Desk) -> None:
    one = await desk.add()
    with pytest.raises(Conflict, match="strategy plus") as raised:
        await add_substitutes(desk.services, 1, one.id, "a@company.com")
    assert "PATCH" in raised.value.hint


async def test_what_is_not_there_is_not_found(desk: Desk, services: Services) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    (_, (only,)) = await everything(services)
    for site_id, target_id, substitute_id in ((1, one.id, 5), (1, 5, only.id), (2, one.id, only.id)):
        with pytest.raises(NotFound) as raised:
            await retire_substitute(services, site_id, target_id, substitute_id)
        assert raised.value.hint
    for site_id, target_id in ((1, 5), (2, one.id)):
        with pytest.raises(NotFound):
            await set_target(services, site_id, target_id, Options(), enabled=False)
        with pytest.raises(NotFound):
            await add_substitutes(services, site_id, target_id, "a@company.com")


async def test_a_target_changes_to_a_pool_with_its_addresses(desk: Desk) -> None:
    one = await desk.add()
    with pytest.raises(BadInput, match="a pool needs its addresses"):
        await set_target(desk.services, 1, one.id, Options(strategy="pool"))
    changed = await set_target(desk.services, 1, one.id, Options(strategy="pool"), pool=pool_text(2))
    assert (await everything(desk.services))[0] == [changed]
    assert await desk.lend(1) == "pool0@company.com"


async def test_a_change_that_will_not_do_changes_nothing(desk: Desk) -> None:
    one = await desk.add("a" * 55 + "@company.com")
    for options, pool in (
        (Options(code_form="visit"), ""),
        (Options(), "b@company.com"),
        (Options(domain="x.com"), ""),
    ):
        with pytest.raises(BadInput):
            await set_target(desk.services, 1, one.id, options, pool=pool, enabled=False)
    assert (await everything(desk.services))[0] == [one]


async def test_a_change_leaves_the_counts_alone(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    await desk.lend(1)
    await desk.lend(2)
    changed = await set_target(desk.services, 1, one.id, Options(when_empty="share"))
    await desk.lend(3)
    ((found,), _) = await everything(desk.services)
    assert (changed.when_empty, found.refused, found.shared) == ("share", 1, 1)
