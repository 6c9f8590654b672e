"""The rules of lending, held under any order of visits, signs of life, silence and retired addresses."""

import itertools
from collections import defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.substitution.samples import COOLDOWN, MINUTE, Desk, pool_text
from wherefrom.services import Services
from wherefrom.substitution.add import retire_substitute
from wherefrom.substitution.lease import SubstituteStatus, status_at
from wherefrom.substitution.release import release_expired
from wherefrom.substitution.store import Holder, Substitute, find_holders
from wherefrom.substitution.store.substitutes import list_substitutes
from wherefrom.substitution.target import Target

SITES = itertools.count(1)  # each example has a site of its own in the test's database

VISITORS, VISITS_EACH = 3, 2  # few, so that they meet
_visitor, _visit = st.integers(1, VISITORS), st.integers(1, VISITS_EACH)
STEPS = st.lists(
    st.one_of(
        *[st.tuples(st.just("lend"), _visitor, _visit)] * 3,
        *[st.tuples(st.just("touch"), _visitor, _visit)] * 2,
        *[st.tuples(st.just("wait"), st.sampled_from([1, 10, 15, 60, 75]), st.just(0))] * 2,
        st.tuples(st.just("retire"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("release"), st.just(0), st.just(0)),
    ),
    min_size=4,
    max_size=24,
)
QUICK = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


class Play:
    """Plays steps at one desk and checks every answer against the leases there are."""

    def __init__(self, desk: Desk, target: Target) -> None:
        self.desk, self.target = desk, target
        self.shown: set[tuple[str, int]] = set()

    async def step(self, what: str, first: int, second: int) -> None:
        visit = first * 10 + second
        if what == "lend":
            await self.lend(visit, visitor=first)
        elif what == "touch":
            await self.desk.touch(visit)
        elif what == "wait":
            self.desk.wait(first * MINUTE)
        elif what == "release":
            await release_expired(self.desk.services)
        elif what == "retire":
            await self.retire(first)

    async def look(self) -> tuple[list[Substitute], list[Holder]]:
        """The pool, and every lease there ever was on it."""
        async with self.desk.services.db.read() as tx:
            pool = await list_substitutes(tx, self.desk.site_id, self.target.id)
            return pool, await find_holders(tx, self.desk.site_id, [one.address for one in pool])

    async def retire(self, index: int) -> None:
        pool, _ = await self.look()
        if index < len(pool):
            await retire_substitute(self.desk.services, self.desk.site_id, self.target.id, pool[index].id)

    async def lend(self, visit: int, visitor: int) -> None:
        pool, before = await self.look()
        address = await self.desk.lend(visit, visitor)
        assert await self.desk.lend(visit, visitor) == address, "asked twice, the visit was told two addresses"
        now = self.desk.clock.now()
        status = {one.address: status_at(one.status, one.expires_at, COOLDOWN, now) for one in pool}
        mine = {one.address for one in before if one.visitor_id == visitor}
        last: dict[str, Holder] = {one.address: one for one in before if not one.shared}
        again = {
            one
            for one in mine
            if status[one] is SubstituteStatus.FREE
            or (status[one] is not SubstituteStatus.RETIRED and self.is_last(one, visitor, last, before))
        }
        if again:
            assert address in again, "a returning visitor did not get an address back that nobody else held"
        if address is None:
            assert self.target.when_empty == "real" or SubstituteStatus.RETIRED in status.values()
            assert SubstituteStatus.FREE not in status.values(), "refused although one was free"
            return
        assert status[address] is not SubstituteStatus.RETIRED, "lent although retired"
        self.shown.add((address, visit))
        _, after = await self.look()
        new = [one for one in after if one.lease_id not in {old.lease_id for old in before}]
        for one in new:
            assert (one.visit_id, one.leased_at, one.address) == (visit, now, address)
            if not one.shared and address not in mine:
                assert status[address] is SubstituteStatus.FREE, "a stranger got one that was not free"

    def is_last(self, address: str, visitor: int, last: dict[str, Holder], before: list[Holder]) -> bool:
        now = self.desk.clock.now()
        others = [one for one in before if one.address == address and one.visitor_id != visitor]
        mine = last.get(address)
        taken = any(mine is None or one.leased_at >= mine.leased_at for one in others)
        return (
            mine is not None
            and mine.visitor_id == visitor
            and not taken
            and all(one.expires_at <= now for one in others)
        )

    async def check(self) -> None:
        by_address: dict[str, list[Holder]] = defaultdict(list)
        _, history = await self.look()
        for one in history:
            by_address[one.address].append(one)
        for address, visit in self.shown:
            assert visit in {one.visit_id for one in by_address[address]}, "an address shown leads to no visit"
        for leases in by_address.values():
            alone = sorted((one for one in leases if not one.shared), key=lambda one: (one.leased_at, one.lease_id))
            for earlier, later in itertools.pairwise(alone):
                assert earlier.expires_at <= later.leased_at, "two held one address and neither is marked shared"
            for one in leases:
                assert one.leased_at <= one.expires_at
                assert one.leased_at <= one.last_seen_at <= self.desk.clock.now()


@QUICK
@given(steps=STEPS, size=st.integers(1, 2), when_empty=st.sampled_from(["real", "share"]))
async def test_a_pool_keeps_its_rules_whatever_happens(
    services: Services, steps: list[Any], size: int, when_empty: str
) -> None:
    desk = Desk(services, site_id=next(SITES))
    play = Play(desk, await desk.add(strategy="pool", when_empty=when_empty, pool=pool_text(size)))
    for step in steps:
        await play.step(*step)
    await play.check()


@QUICK
@given(steps=STEPS, form=st.sampled_from(["code", "visit"]))
async def test_a_coded_address_is_one_visits_for_ever(services: Services, steps: list[Any], form: str) -> None:
    desk = Desk(services, site_id=next(SITES))
    await desk.add(code_form=form)
    shown: dict[str, int] = {}
    told: dict[int, str] = {}
    for what, first, second in steps:
        visit = first * 10 + second
        if what == "lend":
            address = await desk.lend(visit, visitor=first)
            assert address is not None
            assert shown.setdefault(address, visit) == visit
            assert told.setdefault(visit, address) == address
        elif what == "touch":
            await desk.touch(visit)
        elif what == "wait":
            desk.wait(timedelta(minutes=first))
    for address, visit in shown.items():
        (holder,) = await desk.holders(address.upper())
        assert holder.visit_id == visit
