"""The management API of targets and pools."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from wherefrom.errors import BadInput
from wherefrom.substitution import add, use
from wherefrom.substitution.lease import SubstituteStatus, Terms, status_at
from wherefrom.substitution.sizing import FULL
from wherefrom.substitution.store import substitutes, targets
from wherefrom.substitution.store.substitutes import Substitute
from wherefrom.substitution.target import Options, Target
from wherefrom.substitution.use import PoolUse
from wherefrom.web.api import Call, Operation

_LARGEST_ID = 2**63 - 1

PoolText = Annotated[str, Meta(max_length=1_000_000)] | list[str]
"""One address a line, or a list of addresses."""


def _one_of(*words: str) -> Meta:
    """Told in the API's description; checked by ``target``, whose errors say more than a schema's."""
    return Meta(extra_json_schema={"enum": list(words)})


StrategyText = Annotated[str, _one_of("plus", "catchall", "pool")]
SeparatorText = Annotated[str, _one_of("+", "-", "=", ".")]
CodeFormText = Annotated[str, _one_of("code", "visit", "name")]
WhenEmptyText = Annotated[str, _one_of("real", "share")]


class AddTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``separator`` and ``code_form`` go with strategy plus, ``domain`` and ``code_form`` with catchall, ``pool`` and
    ``when_empty`` with pool."""

    address: str
    strategy: StrategyText = "plus"
    separator: SeparatorText | None = None
    code_form: CodeFormText | None = None
    domain: str | None = None
    pool: PoolText = ""
    when_empty: WhenEmptyText | None = None


class SetTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out or null stays as it is; ``pool`` adds addresses."""

    enabled: bool | None = None
    strategy: StrategyText | None = None
    separator: SeparatorText | None = None
    code_form: CodeFormText | None = None
    domain: str | None = None
    pool: PoolText = ""
    when_empty: WhenEmptyText | None = None


class AddSubstitutes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pool: PoolText


class PoolView(Struct, frozen=True, kw_only=True):
    """How many addresses are what at this moment. ``use`` is the share of ``size`` (all but unverified and retired)
    that cannot be lent, being leased or cooling; above 0.75 ``warning`` says so in words."""

    size: int
    free: int
    leased: int
    cooling: int
    unverified: int
    retired: int
    use: float
    warning: str


class TargetView(Struct, frozen=True, kw_only=True):
    """``refused``: how often the pool had nothing to lend and the real address was shown; ``shared``: how often one
    that was held was lent again. ``pool`` is null for the other strategies. ``proof``: whether a letter to one of its
    codes came back: none (never asked, lent all the same), waiting, proved or lost (neither is lent); of a pool each
    address has its own."""

    id: str
    address: str
    strategy: str
    enabled: bool
    separator: str
    code_form: str
    domain: str
    when_empty: str
    refused: int
    shared: int
    created_at: datetime
    proof: str
    pool: PoolView | None


class PoolUseQuery(Struct, frozen=True, kw_only=True):
    days: Annotated[int, Meta(ge=1, le=use.MOST_DAYS)] = 3


class HourView(Struct, frozen=True, kw_only=True):
    """``peak``: the most addresses out at one moment; ``refused`` and ``shared``: how often nothing was free."""

    begin: datetime
    peak: int
    refused: int
    shared: int


class PoolUseView(Struct, frozen=True, kw_only=True):
    """How a target's substitutes were used. ``peak``: the most that were wanted at one moment, those included that
    were not to be had; ``recommended``: the peak and a quarter more, at least 4. ``size``: the pool's addresses that
    take part in lending, 0 for another strategy. ``refused`` and ``shared`` count visits. ``advice`` in words."""

    date_from: datetime
    date_to: datetime
    size: int
    peak: int
    recommended: int
    refused: int
    shared: int
    advice: str
    hours: list[HourView]


class TargetPage(Struct, frozen=True, kw_only=True):
    data: list[TargetView]
    next_cursor: str | None = None


class SubstituteQuery(Struct, frozen=True, kw_only=True):
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class SubstituteView(Struct, frozen=True, kw_only=True):
    """``expires_at`` is the end of the last lease, null for an address never lent."""

    id: str
    address: str
    status: SubstituteStatus
    expires_at: datetime | None
    idle_since: datetime
    created_at: datetime


class SubstitutePage(Struct, frozen=True, kw_only=True):
    data: list[SubstituteView]
    next_cursor: str | None = None


async def _add_target(call: Call) -> TargetView:
    body: AddTarget = call.body
    options = Options(body.strategy, body.separator, body.code_form, body.domain, body.when_empty)
    new = await add.add_target(call.services, call.site_id, body.address, options, _text(body.pool))
    return (await _views(call, [new]))[0]


async def _list_targets(call: Call) -> TargetPage:
    async with call.services.db.read() as tx:
        found = await targets.list_targets(tx, call.site_id)
    return TargetPage(data=await _views(call, found))


async def _get_target(call: Call) -> TargetView:
    async with call.services.db.read() as tx:
        found = await targets.get_target(tx, call.site_id, call.id("target"))
    return (await _views(call, [found]))[0]


async def _set_target(call: Call) -> TargetView:
    body: SetTarget = call.body
    options = Options(body.strategy, body.separator, body.code_form, body.domain, body.when_empty)
    changed = await add.set_target(
        call.services, call.site_id, call.id("target"), options, enabled=body.enabled, pool=_text(body.pool)
    )
    return (await _views(call, [changed]))[0]


async def _disable_target(call: Call) -> None:
    await add.set_target(call.services, call.site_id, call.id("target"), Options(), enabled=False)


async def _list_substitutes(call: Call) -> SubstitutePage:
    query: SubstituteQuery = call.query
    target_id, after = call.id("target"), _parse_cursor(query.cursor)
    async with call.services.db.read() as tx:
        await targets.get_target(tx, call.site_id, target_id)
        found = await substitutes.list_substitutes(tx, call.site_id, target_id, after=after, limit=query.limit + 1)
    shown = found[: query.limit]
    more = str(shown[-1].id) if len(found) > len(shown) else None
    return SubstitutePage(data=[_substitute(call, one) for one in shown], next_cursor=more)


async def _add_substitutes(call: Call) -> SubstitutePage:
    body: AddSubstitutes = call.body
    new = await add.add_substitutes(call.services, call.site_id, call.id("target"), _text(body.pool))
    return SubstitutePage(data=[_substitute(call, one) for one in new])


async def _retire_substitute(call: Call) -> None:
    await add.retire_substitute(call.services, call.site_id, call.id("target"), call.id("substitute"))


async def _show_use(call: Call) -> PoolUseView:
    query: PoolUseQuery = call.query
    found = await use.find_pool_use(call.services, call.site_id, call.id("target"), query.days)
    return PoolUseView(
        date_from=found.begin, date_to=found.end, size=found.size, peak=found.peak, recommended=found.advised,
        refused=found.refused, shared=found.shared, advice=_advice(found),
        hours=[
            HourView(begin=one.begin, peak=one.peak, refused=one.refused, shared=one.shared) for one in found.hours
        ],
    )  # fmt: skip


def _advice(found: PoolUse) -> str:
    if found.target.strategy != "pool":
        return f"{found.target.address} needs no pool; one of {found.advised} addresses would have served it"
    missing = found.advised - found.size
    if missing > 0:
        return f"add {missing} address{'' if missing == 1 else 'es'}: {found.advised} would serve what was wanted"
    return f"{found.size} are enough: {found.advised} would serve what was wanted"


def _text(pool: str | list[str]) -> str:
    return pool if isinstance(pool, str) else "\n".join(pool)


def _parse_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 19 and int(cursor) <= _LARGEST_ID):
        raise BadInput(
            "this cursor was not given out here",
            hint="take next_cursor of the page before, or leave it out to begin at the start",
            field="cursor",
        )
    return int(cursor)


async def _views(call: Call, found: list[Target]) -> list[TargetView]:
    now, terms = call.services.clock.now(), Terms.of(call.services.settings)
    counts: dict[int, dict[SubstituteStatus, int]] = {}
    if any(one.strategy == "pool" for one in found):
        async with call.services.db.read() as tx:
            counts = await substitutes.count_pool(tx, call.site_id, now, terms.cool_before(now))
    return [_target(one, counts.get(one.id, {})) for one in found]


def _target(one: Target, counts: dict[SubstituteStatus, int]) -> TargetView:
    return TargetView(
        id=str(one.id), address=one.address, strategy=one.strategy, enabled=one.enabled, separator=one.separator,
        code_form=one.code_form, domain=one.domain, when_empty=one.when_empty, refused=one.refused,
        shared=one.shared, created_at=one.created_at, proof=one.proof,
        pool=_pool(counts) if one.strategy == "pool" else None,
    )  # fmt: skip


def _pool(counts: dict[SubstituteStatus, int]) -> PoolView:
    number = {status.value: counts.get(status, 0) for status in SubstituteStatus}
    out = number["leased"] + number["cooling"]
    size = out + number["free"]
    use = round(out / size, 3) if size else 1.0
    warning = ""
    if not size:
        warning = "no address can be lent: pages show the real one"
    elif use > FULL:
        warning = f"{out} of {size} addresses are leased or cooling: add addresses before the pool runs empty"
    return PoolView(size=size, use=use, warning=warning, **number)


def _substitute(call: Call, one: Substitute) -> SubstituteView:
    cooldown = Terms.of(call.services.settings).cooldown
    return SubstituteView(
        id=str(one.id), address=one.address,
        status=status_at(one.status, one.expires_at, cooldown, call.services.clock.now()),
        expires_at=one.expires_at, idle_since=one.idle_since, created_at=one.created_at,
    )  # fmt: skip


_USE = "/sites/{site}/targets/{target}/pool"
_POOL = "/sites/{site}/targets/{target}/substitutes"

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/sites/{site}/targets", "List the targets", _list_targets, answer=TargetPage, tag="targets"),
    Operation(
        "POST", "/sites/{site}/targets", "Add a target", _add_target,
        body=AddTarget, answer=TargetView, status=201, tag="targets",
    ),
    Operation(
        "GET", "/sites/{site}/targets/{target}", "Show a target", _get_target, answer=TargetView, tag="targets"
    ),
    Operation(
        "PATCH", "/sites/{site}/targets/{target}", "Change a target", _set_target,
        body=SetTarget, answer=TargetView, tag="targets",
    ),
    Operation("DELETE", "/sites/{site}/targets/{target}", "Disable a target", _disable_target, tag="targets"),
    Operation(
        "GET", _USE, "Show how a target's substitutes were used, and how large a pool it needs", _show_use,
        query=PoolUseQuery, answer=PoolUseView, tag="targets",
    ),
    Operation(
        "GET", _POOL, "List the addresses of a pool", _list_substitutes,
        query=SubstituteQuery, answer=SubstitutePage, tag="targets",
    ),
    Operation(
        "POST", _POOL, "Add addresses to a pool", _add_substitutes,
        body=AddSubstitutes, answer=SubstitutePage, status=201, tag="targets",
    ),
    Operation(
        "DELETE", _POOL + "/{substitute}", "Retire an address of a pool", _retire_substitute, tag="targets"
    ),
)  # fmt: skip
