"""The management API of the account a site's letters go out by."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from wherefrom.errors import Forbidden
from wherefrom.outbound import sender
from wherefrom.outbound.dkim import Algorithm, DkimKey
from wherefrom.outbound.sender import AddKey, SetSender
from wherefrom.outbound.sender_trial import StepName, try_sender
from wherefrom.outbound.store.outgoing import Queue, count_queue
from wherefrom.outbound.store.senders import Sender, Status, get_sender
from wherefrom.web.api import Call, Operation


class KeyView(Struct, frozen=True, kw_only=True):
    """A DKIM key. Publish a TXT record ``record_name`` with the text ``record``; ``zone_line`` is the same as a line of
    a zone file. The private half is never shown."""

    domain: str
    selector: str
    algorithm: Algorithm
    bits: int
    record_name: str
    record: str
    zone_line: str
    created_at: datetime


class SenderView(Struct, frozen=True, kw_only=True):
    """``status``: new (nothing sent yet), working, or failing: then ``detail`` says why and ``hint`` what to do,
    letters wait, and the next try is at ``next_try_at``. ``waiting``: letters in the queue, the oldest of
    ``waiting_since``. ``has_password``: there is one; it is never shown."""

    host: str
    port: int
    security: str
    username: str
    has_password: bool
    from_address: str
    from_name: str
    bounce_address: str
    per_hour: int | None
    connections: int
    ca_file: str
    dkim: list[KeyView]
    status: Status
    detail: str
    hint: str
    status_at: datetime
    failing_since: datetime | None
    next_try_at: datetime | None
    waiting: int
    waiting_since: datetime | None
    created_at: datetime


class TrialStepView(Struct, frozen=True, kw_only=True):
    """``detail``: what was found; ``hint``: what to do about it, "" for nothing."""

    name: StepName
    ok: bool
    detail: str
    hint: str
    milliseconds: int


class TrialView(Struct, frozen=True, kw_only=True):
    """How far the way to the mail server goes; after a step that failed there are no more, but for those of DNS. No
    letter is sent."""

    ok: bool
    steps: list[TrialStepView]


async def _show(call: Call) -> SenderView:
    async with call.services.db.read() as tx:
        found = await get_sender(tx, call.site_id)
        queue = await count_queue(tx, call.site_id)
    return _view(call, found, queue)


async def _set(call: Call) -> SenderView:
    if call.body.ca_file and call.holder.site_id is not None:
        raise Forbidden(
            "ca_file names a file on the service's machine, which is its operator's to choose",
            hint="leave it out, or ask the operator to set it (wherefrom sender set --ca-file)",
            field="ca_file",
        )
    await sender.set_sender(call.services, call.site_id, call.body)
    return await _show(call)


async def _remove(call: Call) -> None:
    await sender.remove_sender(call.services, call.site_id)


async def _try(call: Call) -> TrialView:
    steps = await try_sender(call.services, call.site_id)
    views = [
        TrialStepView(name=one.name, ok=one.ok, detail=one.detail, hint=one.hint, milliseconds=one.milliseconds)
        for one in steps
    ]
    return TrialView(ok=all(one.ok for one in steps), steps=views)


async def _add_key(call: Call) -> KeyView:
    return _key(await sender.add_key(call.services, call.site_id, call.body))


async def _remove_key(call: Call) -> None:
    await sender.remove_key(call.services, call.site_id, call.path["selector"])


def _key(one: DkimKey) -> KeyView:
    return KeyView(**{name: getattr(one, name) for name in KeyView.__struct_fields__})


def _view(call: Call, one: Sender, queue: Queue) -> SenderView:
    failing, now = one.status == "failing", call.services.clock.now()
    same = (
        *("host", "port", "security", "username", "from_address", "from_name", "bounce_address", "per_hour"),
        *("connections", "ca_file", "status", "status_at", "failing_since", "created_at"),
    )
    return SenderView(
        **{name: getattr(one, name) for name in same},
        has_password=bool(one.password),
        dkim=[_key(key) for key in one.dkim],
        detail=one.status_detail,
        hint=one.status_hint,
        next_try_at=max(one.quiet_until, now) if failing and one.quiet_until is not None else None,
        waiting=queue.waiting,
        waiting_since=queue.oldest_at,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "PUT", "/sites/{site}/sender", "Set the account the site's letters go out by", _set,
        body=SetSender, answer=SenderView, tag="sends",
    ),
    Operation(
        "GET", "/sites/{site}/sender", "The account the site's letters go out by, how it is, and what waits", _show,
        answer=SenderView, tag="sends",
    ),
    Operation(
        "DELETE", "/sites/{site}/sender", "Remove the account; what waits goes on waiting until it expires", _remove,
        tag="sends", status=204,
    ),
    Operation(
        "POST", "/sites/{site}/sender/test", "Connect and log in, and say in words what is wrong", _try,
        answer=TrialView, tag="sends",
    ),
    Operation(
        "POST", "/sites/{site}/sender/dkim", "Make a DKIM key, or give one; its DNS record is in the answer", _add_key,
        body=AddKey, answer=KeyView, status=201, tag="sends",
    ),
    Operation(
        "DELETE", "/sites/{site}/sender/dkim/{selector}", "Remove a DKIM key", _remove_key, tag="sends", status=204,
    ),
)  # fmt: skip
