"""Targets, and a desk that lends to visits as the collector does."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from wherefrom.clock import Clock, FixedClock
from wherefrom.services import Services
from wherefrom.substitution.add import add_target
from wherefrom.substitution.lend import lend, touch_leases
from wherefrom.substitution.store import Holder, find_holders
from wherefrom.substitution.target import Options, Target, fit_options, parse_target

MINUTE = timedelta(minutes=1)
HOLD, COOLDOWN = 15 * MINUTE, 60 * MINUTE
SALES = "sales@company.com"


def target(address: str = SALES, *, id: int = 1, **options: Any) -> Target:
    """A target that is in no database."""
    now = FixedClock().now()
    bare = Target(
        site_id=1, id=id, address=parse_target(address).text, strategy="plus", enabled=True, separator="",
        code_form="", domain="", when_empty="", refused=0, shared=0, created_at=now,
    )  # fmt: skip
    return fit_options(bare, Options(**({"strategy": "plus"} | options)))


def pool_text(size: int, word: str = "pool") -> str:
    """So many addresses, one a line."""
    return "\n".join(f"{word}{n}@company.com" for n in range(size))


@dataclass
class Desk:
    """One site's lending. Each call is a write of its own at the clock's time."""

    services: Services
    site_id: int = 1
    pages: list[str] = field(default_factory=lambda: [SALES])

    @property
    def clock(self) -> FixedClock:
        clock: Clock = self.services.clock
        assert isinstance(clock, FixedClock)
        return clock

    async def add(self, address: str = SALES, *, pool: str = "", **options: Any) -> Target:
        return await add_target(self.services, self.site_id, address, Options(**options), pool)

    async def lend_all(self, visit: int, visitor: int | None = None, *found: str) -> dict[str, str]:
        """What the page shows instead of each address found (the target `sales@` if none is named)."""
        async with self.services.db.write() as tx:
            lent = await lend(
                tx, now=self.clock.now(), ids=self.services.ids, site_id=self.site_id, visit_id=visit,
                visitor_id=visit if visitor is None else visitor, found=found or self.pages,
                settings=self.services.settings,
            )  # fmt: skip
        assert all(one.expires_at == self.clock.now() + HOLD for one in lent)
        return {one.target: one.address for one in lent}

    async def lend(self, visit: int, visitor: int | None = None) -> str | None:
        """The substitute of `sales@`; None for the real address."""
        return (await self.lend_all(visit, visitor)).get(SALES)

    async def touch(self, visit: int, **what: Any) -> None:
        """A sign of life; ``sign`` and ``found`` when it is one of interest in an address."""
        async with self.services.db.write() as tx:
            await touch_leases(tx, self.site_id, visit, self.clock.now(), self.services.settings, **what)

    async def holders(self, *addresses: str) -> list[Holder]:
        async with self.services.db.read() as tx:
            return await find_holders(tx, self.site_id, addresses)

    def wait(self, by: timedelta) -> None:
        self.clock.advance(by)
