"""The management API of probes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from wherefrom.errors import BadInput
from wherefrom.probes import rounds, store
from wherefrom.probes.store import Probe
from wherefrom.substitution.store.targets import get_target
from wherefrom.web.api import Call, Operation, Page


class ListProbes(Struct, frozen=True, kw_only=True):
    """``cursor`` is the ``next_cursor`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: str | None = None


class ProbeView(Struct, frozen=True, kw_only=True):
    """A letter to a substitute. ``status``: sent (on its way), returned, lost (not back in time), refused (the mail
    server does not take the address) or unsent (no letter could go out); ``detail`` in words."""

    id: str
    address: str
    status: str
    detail: str
    sent_at: datetime
    returned_at: datetime | None


def _view(one: Probe) -> ProbeView:
    return ProbeView(
        id=str(one.id), address=one.address, status=one.status, detail=one.detail, sent_at=one.sent_at,
        returned_at=one.returned_at,
    )  # fmt: skip


async def _list_probes(call: Call) -> Page[ProbeView]:
    query: ListProbes = call.query
    target_id = call.id("target")
    if query.cursor is not None and not (
        query.cursor.isascii() and query.cursor.isdecimal() and len(query.cursor) < 20
    ):
        raise BadInput("this cursor was not given out here", hint="take next_cursor of the page before", field="cursor")
    before = int(query.cursor) if query.cursor else None
    async with call.services.db.read() as tx:
        await get_target(tx, call.site_id, target_id)
        found = await store.list_probes(tx, call.site_id, target_id, query.limit + 1, before)
    shown = found[: query.limit]
    return Page([_view(one) for one in shown], str(shown[-1].id) if len(found) > len(shown) else None)


async def _send_probes(call: Call) -> Page[ProbeView]:
    target_id = call.id("target")
    async with call.services.db.read() as tx:
        await get_target(tx, call.site_id, target_id)
    return Page([_view(one) for one in await rounds.probe_target(call.services, call.site_id, target_id)])


_PROBES = "/sites/{site}/targets/{target}/probes"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", _PROBES, "List the probes to a target's substitutes, the newest first", _list_probes,
        query=ListProbes, answer=Page[ProbeView], tag="targets",
    ),
    Operation(
        "POST", _PROBES, "Send probes to a target's substitutes now", _send_probes,
        answer=Page[ProbeView], status=202, tag="targets",
    ),
)  # fmt: skip
