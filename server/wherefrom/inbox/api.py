"""The management API of mailboxes and messages."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

from msgspec import Meta, Struct
from starlette.responses import FileResponse

from wherefrom.errors import BadInput, Forbidden, NotFound
from wherefrom.inbox import mailbox
from wherefrom.inbox.correct import correct_match
from wherefrom.inbox.file import file_response
from wherefrom.inbox.mailbox import AddMailbox, ChangeMailbox
from wherefrom.inbox.old_mail import tell_old_mail
from wherefrom.inbox.server_folders import list_server_folders
from wherefrom.inbox.store import details, history, mailboxes
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.views import (
    DiagnosisView,
    MailboxView,
    MessageDetailView,
    MessageView,
    OldMailView,
    ServerFolderView,
    detail_view,
    diagnosis_view,
    mailbox_view,
    message_view,
)
from wherefrom.web.api import Call, Operation, Page
from wherefrom.web.moments import parse_moment
from wherefrom.webhooks.fanout import attachment_link
from wherefrom.webhooks.told import ChangeDeal, change_deal


class ListMessages(Struct, frozen=True, kw_only=True):
    """Dates are RFC 3339 moments or days (UTC); ``date_to`` as a day counts that day in. ``source`` is the first source
    level, ``text`` is looked for in subject, sender, receivers and text; ``deal``: whether a CRM made one of it.
    ``cursor`` is the ``next_cursor`` of the page before: a page may be short, or empty, and still have one."""

    date_from: str | None = None
    date_to: str | None = None
    source: str = ""
    marker: str = ""
    channel: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    matched: bool | None = None
    rule: str = ""
    folder_kind: str = ""
    automatic: bool | None = None
    sender: str = ""
    text: str = ""
    visit: int | None = None
    deal: bool | None = None
    deal_number: str = ""
    deal_status: str = ""
    limit: Annotated[int, Meta(ge=1, le=history.MOST_ROWS)] = 50
    cursor: str | None = None


class CorrectMatch(Struct, frozen=True, kw_only=True):
    """``visit``: the visit number the letter is of, or null for none."""

    visit: str | None


async def _list_mailboxes(call: Call) -> Page[MailboxView]:
    async with call.services.db.read() as tx:
        found = await mailboxes.list_mailboxes(tx, call.site_id)
    return Page([mailbox_view(one) for one in found])


async def _add_mailbox(call: Call) -> MailboxView:
    refuse_file(call)
    return mailbox_view(await mailbox.add_mailbox(call.services, call.site_id, call.body))


async def _show_mailbox(call: Call) -> MailboxView:
    async with call.services.db.read() as tx:
        return mailbox_view(await mailboxes.get_mailbox(tx, call.site_id, call.id("mailbox")))


async def _change_mailbox(call: Call) -> MailboxView:
    refuse_file(call)
    return mailbox_view(await mailbox.change_mailbox(call.services, call.site_id, call.id("mailbox"), call.body))


def refuse_file(call: Call) -> None:
    """Files of the machine are its operator's: a site's key must not learn which ones there are."""
    if call.body.ca_file and call.holder.site_id is not None:
        raise Forbidden(
            "ca_file names a file on the service's machine, which is its operator's to choose",
            hint="leave it out, or ask the operator to set it (wherefrom mailbox add --ca-file)",
            field="ca_file",
        )


async def _remove_mailbox(call: Call) -> None:
    await mailbox.remove_mailbox(call.services, call.site_id, call.id("mailbox"))


async def _test_mailbox(call: Call) -> DiagnosisView:
    return diagnosis_view(await mailbox.test_mailbox(call.services, call.site_id, call.id("mailbox")))


async def _list_folders(call: Call) -> Page[ServerFolderView]:
    found = await list_server_folders(call.services, call.site_id, call.id("mailbox"))
    return Page([ServerFolderView(**asdict(one)) for one in found])


async def _tell_old_mail(call: Call) -> OldMailView:
    done = await tell_old_mail(call.services, call.site_id, call.id("mailbox"))
    return OldMailView(told=done.told, waiting=done.waiting)


async def _list_messages(call: Call) -> Page[MessageView]:
    query: ListMessages = call.query
    same = {name: getattr(query, name) for name in _SAME}
    wanted = HistoryFilter(
        **same,
        visit_id=query.visit,
        date_from=parse_moment(query.date_from, "date_from"),
        date_to=parse_moment(query.date_to, "date_to", end=True),
    )
    async with call.services.db.read() as tx:
        rows, cursor = await history.list_messages(tx, call.site_id, wanted, query.cursor, query.limit)
    return Page([message_view(row) for row in rows], cursor)


async def _show_message(call: Call) -> MessageDetailView:
    message_id = call.id("message")
    async with call.services.db.read() as tx:
        detail = await details.get_message(tx, call.site_id, message_id)
    return detail_view(detail, attachment_link(call.services, call.site_id, message_id, call.services.clock.now()))


async def _correct(call: Call) -> MessageDetailView:
    body: CorrectMatch = call.body
    if body.visit is not None and not (body.visit.isascii() and body.visit.isdecimal() and len(body.visit) <= 18):
        raise BadInput(f"“{body.visit[:40]}” is no visit number", field="visit")
    visit_id = int(body.visit) if body.visit is not None else None
    who = f"API key {call.holder.key_id}" if call.holder.key_id else "the operator"
    message_id, now = call.id("message"), call.services.clock.now()
    detail = await correct_match(call.services, call.site_id, message_id, visit_id, who)
    return detail_view(detail, attachment_link(call.services, call.site_id, message_id, now))


async def _change_message(call: Call) -> MessageDetailView:
    message_id = call.id("message")
    async with call.services.db.read() as tx:
        await details.get_message(tx, call.site_id, message_id)
    await change_deal(call.services, call.site_id, message_id, call.body)
    return await _show_message(call)


async def _raw(call: Call) -> FileResponse:
    message_id = call.id("message")
    async with call.services.db.read() as tx:
        found = await details.find_bytes(tx, call.site_id, message_id)
    if found is None:
        raise NotFound(f"there is no message {message_id}", hint="the list of messages shows their ids")
    return await file_response(call.services, call.site_id, found[0], f"{message_id}.eml", "message/rfc822")


async def _attachment(call: Call) -> FileResponse:
    message_id, number = call.id("message"), call.id("number")
    async with call.services.db.read() as tx:
        found = await details.find_attachment(tx, call.site_id, message_id, number)
    if found is None:
        raise NotFound(f"message {message_id} has no attachment {number}", hint="the message lists its attachments")
    return await file_response(call.services, call.site_id, found.sha256, found.name, found.content_type)


_SAME = tuple(
    name for name in ListMessages.__struct_fields__ if name not in ("visit", "date_from", "date_to", "limit", "cursor")
)


def _of_own_site(one: Operation) -> Operation:
    """The same for a key that is one site's: without the site in the path."""
    path = one.path.removeprefix("/sites/{site}")
    return replace(one, path=path, summary=f"{one.summary} (the key's own site)", scope="own")


_MAILBOX = "/sites/{site}/mailboxes/{mailbox}"
_MESSAGE = "/sites/{site}/messages/{message}"

_MAILBOXES: tuple[Operation, ...] = (
    Operation(
        "GET", "/sites/{site}/mailboxes", "List a site's mailboxes and how they stand", _list_mailboxes,
        answer=Page[MailboxView], tag="mailboxes",
    ),
    Operation(
        "POST", "/sites/{site}/mailboxes", "Connect a mailbox", _add_mailbox,
        body=AddMailbox, answer=MailboxView, status=201, tag="mailboxes",
    ),
    Operation("GET", _MAILBOX, "Show a mailbox", _show_mailbox, answer=MailboxView, tag="mailboxes"),
    Operation(
        "PATCH", _MAILBOX, "Change a mailbox; what is left out stays", _change_mailbox,
        body=ChangeMailbox, answer=MailboxView, tag="mailboxes",
    ),
    Operation("DELETE", _MAILBOX, "Disconnect a mailbox; its letters stay", _remove_mailbox, tag="mailboxes"),
    Operation(
        "POST", _MAILBOX + "/test", "Connect to a mailbox step by step and say what works", _test_mailbox,
        answer=DiagnosisView, tag="mailboxes",
    ),
)  # fmt: skip
_MESSAGES: tuple[Operation, ...] = (
    Operation(
        "POST", _MAILBOX + "/folders", "Ask a mailbox's server which folders it has, to choose from", _list_folders,
        answer=Page[ServerFolderView], tag="mailboxes",
    ),
    Operation(
        "POST", _MAILBOX + "/send-old", "Send the letters of before a mailbox was connected to the webhooks, each once",
        _tell_old_mail, answer=OldMailView, tag="mailboxes",
    ),
    Operation(
        "GET", "/sites/{site}/messages", "List letters, the newest first", _list_messages,
        query=ListMessages, answer=Page[MessageView], tag="messages",
    ),
    Operation("GET", _MESSAGE, "Show a letter, whole", _show_message, answer=MessageDetailView, tag="messages"),
    Operation(
        "PATCH", _MESSAGE, "Tell what the CRM made of a letter: deal number, status, value", _change_message,
        body=ChangeDeal, answer=MessageDetailView, tag="messages",
    ),
    Operation(
        "PUT", _MESSAGE + "/match", "Correct the visit a letter is of", _correct,
        body=CorrectMatch, answer=MessageDetailView, tag="messages",
    ),
    Operation(
        "GET", _MESSAGE + "/raw", "Download a letter as it came", _raw,
        answer=bytes, tag="messages", media=("message/rfc822",),
    ),
    Operation(
        "GET", _MESSAGE + "/attachments/{number}", "Download a letter's attachment", _attachment,
        answer=bytes, tag="messages", media=("*/*",),
    ),
)  # fmt: skip
OPERATIONS = (*_MAILBOXES, *_MESSAGES, *map(_of_own_site, _MESSAGES))
