"""Use cases: an owner adds and changes targets, and the addresses of pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wherefrom.addresses import Address
from wherefrom.db import Tx
from wherefrom.errors import BadInput, Conflict, Unprocessable
from wherefrom.services import Services
from wherefrom.substitution.code import check_length, recognise
from wherefrom.substitution.lease import SubstituteStatus, move
from wherefrom.substitution.pool_file import parse_pool, refuse_lines
from wherefrom.substitution.store import substitutes, targets
from wherefrom.substitution.store.substitutes import Substitute
from wherefrom.substitution.target import Options, Target, fit_options, parse_target

MOST_TARGETS = 500
_NAMED_AT_MOST = 5


async def add_target(services: Services, site_id: int, address: str, options: Options, pool: str = "") -> Target:
    """Adds a target; one of strategy pool with its first addresses, one a line. BadInput says which value will not do,
    Conflict which address the site has already; then nothing is added."""
    parsed = parse_target(address)
    bare = Target(
        site_id=site_id, id=services.ids.next(), address=parsed.text, strategy="plus", enabled=True, separator="",
        code_form="", domain="", when_empty="", refused=0, shared=0, created_at=services.clock.now(),
    )  # fmt: skip
    new = _unproved(services, _check(bare, replace(options, strategy=options.strategy or "plus"), pool))
    async with services.db.write() as tx:
        if await targets.find_target(tx, site_id, new.key) is not None:
            raise targets.target_taken(new.address)
        await _refuse_substitute(tx, new)
        if await targets.count_targets(tx, site_id) >= MOST_TARGETS:
            raise Unprocessable(
                f"the site has {MOST_TARGETS} targets, which is the most", hint="change a disabled one instead"
            )
        await targets.append_target(tx, new)
        if new.strategy == "pool":
            await _add_addresses(tx, services, new, parse_pool(pool))
    services.bell.ring("probes")
    return new


async def set_target(
    services: Services, site_id: int, target_id: int, options: Options, *, enabled: bool | None = None, pool: str = ""
) -> Target:
    """Changes what is given. Visits keep what they were shown: old substitutes still lead to them. A change to strategy
    pool brings addresses with it, unless the pool has some from before. NotFound, BadInput, Conflict."""
    async with services.db.write() as tx:
        old = await targets.get_target(tx, site_id, target_id, to_change=True)
        changed = _check(old, options, pool)
        if changed.pattern != old.pattern:
            changed = _unproved(services, changed)
        if enabled is not None:
            changed = replace(changed, enabled=enabled)
        if pool:
            await _add_addresses(tx, services, changed, parse_pool(pool))
        elif changed.strategy == "pool" and not await substitutes.list_substitutes(tx, site_id, target_id, limit=1):
            raise _no_addresses()
        if changed != old:
            await targets.replace_target(tx, changed)
    services.bell.ring("probes")
    return changed


async def add_substitutes(services: Services, site_id: int, target_id: int, pool: str) -> list[Substitute]:
    """Adds the addresses of ``pool``, one a line, and answers them; a retired one of this target comes back into use.
    BadInput names the lines that will not do, Conflict the addresses the site has already; then nothing is added."""
    parsed = parse_pool(pool)
    async with services.db.write() as tx:
        target = await targets.get_target(tx, site_id, target_id, to_change=True)
        if target.strategy != "pool":
            raise Conflict(
                f"target {target.address} has strategy {target.strategy}, which has no list of addresses",
                hint="change it to strategy pool first (PATCH with strategy and pool)",
            )
        added = await _add_addresses(tx, services, target, parsed)
    services.bell.ring("probes")
    return added


async def retire_substitute(services: Services, site_id: int, target_id: int, substitute_id: int) -> Substitute:
    """Lends the address no more; letters to it still find their visits. A repeat changes nothing. NotFound."""
    async with services.db.write() as tx:
        one = await substitutes.get_substitute(tx, site_id, target_id, substitute_id)
        status = move(one.status, SubstituteStatus.RETIRED)
        await substitutes.mark_status(tx, site_id, one.id, status, services.clock.now())
        return replace(one, status=status)


def _check(target: Target, options: Options, pool: str) -> Target:
    fitted = fit_options(target, options)
    check_length(fitted)
    if pool and fitted.strategy != "pool":
        raise BadInput(
            f"strategy {fitted.strategy} has no list of addresses",
            hint="leave pool out, or choose strategy pool",
            field="pool",
        )
    return fitted


def _unproved(services: Services, one: Target) -> Target:
    """``one`` with a pattern that is to be proved before it is lent, where probes are sent at all. Of a pool each
    address is proved."""
    asked = services.settings.smtp.host and one.strategy != "pool"
    return replace(one, proof="waiting" if asked else "none")


def _no_addresses() -> BadInput:
    return BadInput("a pool needs its addresses", hint="give them in pool, one a line", field="pool")


async def _refuse_substitute(tx: Tx, new: Target) -> None:
    found = await substitutes.list_by_key(tx, new.site_id, [new.key])
    if found:
        raise Conflict(
            f"{new.address} is a substitute in a pool of this site, so it cannot be a target",
            hint="an address that is lent to visits cannot be substituted itself; use another",
            field="address",
        )


async def _add_addresses(tx: Tx, services: Services, target: Target, lines: Mapping[int, Address]) -> list[Substitute]:
    await _refuse_confusable(tx, target, lines)
    known = await substitutes.list_by_key(tx, target.site_id, [one.key for one in lines.values()])
    _refuse_known(target, known)
    now = services.clock.now()
    status = SubstituteStatus.UNVERIFIED if services.settings.smtp.host else SubstituteStatus.FREE
    for one in known.values():
        await substitutes.mark_status(tx, target.site_id, one.id, status, now)
    new = [
        Substitute(
            site_id=target.site_id, id=services.ids.next(), target_id=target.id, address=address.text,
            status=status, lease_id=None, visitor_id=None, expires_at=None, idle_since=now,
            created_at=now,
        )
        for address in lines.values()
        if address.key not in known
    ]  # fmt: skip
    if new:
        await substitutes.append_substitutes(tx, new)
    back = [replace(one, status=status, idle_since=now) for one in known.values()]
    return [*new, *back]


async def _refuse_confusable(tx: Tx, target: Target, lines: Mapping[int, Address]) -> None:
    """A letter to a target's own address, or to one shaped like a code, could not be told from one to the pool."""
    others = [one for one in await targets.list_targets(tx, target.site_id) if one.id != target.id]
    faults = []
    for number, address in lines.items():
        kind = recognise([*others, target], address.text)
        if kind == "target":
            faults.append((number, f"{address.text} is a target itself"))
        elif kind == "coded":
            faults.append((number, f"{address.text} looks like a code of another target"))
    if faults:
        raise refuse_lines(faults, "a pool holds addresses that mean nothing else on this site; nothing was added")


def _refuse_known(target: Target, known: Mapping[str, Substitute]) -> None:
    retired = SubstituteStatus.RETIRED
    taken = [one for one in known.values() if one.target_id != target.id or one.status != retired]
    if not taken:
        return
    shown = ", ".join(one.address for one in taken[:_NAMED_AT_MOST])
    more = f" and {len(taken) - _NAMED_AT_MOST} more" if len(taken) > _NAMED_AT_MOST else ""
    where = "this pool" if all(one.target_id == target.id for one in taken) else "a pool of this site"
    raise Conflict(
        f"{shown}{more}: in {where} already",
        hint="an address belongs to one pool only, and once; take these lines out. Nothing was added",
        field="pool",
    )
