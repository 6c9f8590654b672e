"""One letter: its page, its HTML in a box of its own, the original, the attachments, and sending it again.

The HTML of strangers is shown in an iframe that is sandboxed twice (attribute and Content-Security-Policy): no script,
no form, no cookie, nothing fetched. Originals and attachments are only ever downloads.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from wherefrom.console import dossier
from wherefrom.console.desk import Call
from wherefrom.console.filters import parse_asked
from wherefrom.console.page import HEADERS
from wherefrom.console.rows import list_flags
from wherefrom.db import Tx
from wherefrom.errors import BadInput, NotFound, WherefromError
from wherefrom.inbox.correct import correct_match
from wherefrom.inbox.snapshot import is_decoration
from wherefrom.inbox.store.details import MessageDetail, find_attachment, find_bytes, get_message
from wherefrom.inbox.store.mailboxes import find_mailbox
from wherefrom.mail.html import SafeHtml, sanitise
from wherefrom.mail.paged import open_letter
from wherefrom.mail.parse import Letter, UnreadableLetter, parse_letter
from wherefrom.mail.reply import split_reply
from wherefrom.outbound.store.sends import Sent, find_send
from wherefrom.services import Services
from wherefrom.vault.vault import bring
from wherefrom.visits.store import find_visit
from wherefrom.visits.trail_store import list_intents, list_pageviews
from wherefrom.visits.visit import Visit
from wherefrom.webhooks.change import resend
from wherefrom.webhooks.store import deliveries, endpoints

_SHEET_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_SHEET = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light"><style>'
    "html{background:#fff;color:#1a222c;font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "body{margin:16px}img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}"
    "</style></head><body>"
)
_SHOWN_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_MOST_INLINE = 5_000_000
"""Bytes of pictures inside one letter's HTML that are shown; they travel in it as data: URLs."""

_MOST_DELIVERIES = 20
_LONGEST_NUMBER = 18


async def show_letter(call: Call) -> Response:
    """The page. ``?view=html`` shows the letter as its writer designed it, ``?list=`` leads back to the filters."""
    return await _page(call, None, "")


async def correct_match_form(call: Call) -> Response:
    """Sets the visit the letter is of, as a person says; with an empty field: none."""
    asked = call.fields.get("visit", "").strip()
    try:
        if asked and not (asked.isascii() and asked.isdecimal() and len(asked) <= _LONGEST_NUMBER):
            raise BadInput(f"“{asked[:40]}” is no visit number", hint="visits are numbers, such as 1042", field="visit")
        visit_id = int(asked) if asked else None
        await correct_match(call.services, call.site.id, call.id("message"), visit_id, call.reader.user.email)
    except WherefromError as problem:
        answer = await _page(call, problem, asked)
        answer.status_code = problem.status
        return answer
    return RedirectResponse(f"/sites/{call.site.id}/messages/{call.id('message')}#where", 303)


async def _page(call: Call, problem: WherefromError | None, asked_visit: str) -> Response:
    message_id = call.id("message")
    async with call.services.db.read() as tx:
        detail = await get_message(tx, call.site.id, message_id)
        visit = await _visit(tx, detail, call.site.id)
        sent = await _sent(tx, detail, call.site.id)
        context = await _surroundings(call, tx, detail, visit)
    view = "html" if call.request.query_params.get("view") == "html" and detail.has_html else "text"
    blocked = await _count_blocked(call.services, call.site.id, detail.sha256) if view == "html" else 0
    return call.show(
        "letter.html",
        "messages",
        row=detail.row,
        detail=detail,
        flags=list_flags(detail.row),
        deal=dossier.deal_words(detail.row),
        receivers=dossier.list_receivers(detail),
        where=dossier.tell_where(detail, visit),
        contact=dossier.tell_contact(detail.row.writer, sent.subject if sent else ""),
        about=context.pop("about"),
        moments=dossier.list_moments(detail),
        view=view,
        stretches=split_reply(detail.text).stretches,
        files=[one for one in detail.attachments if not is_decoration(one)],
        pictures=[one for one in detail.attachments if is_decoration(one)],
        blocked=blocked,
        links=_links(call, detail),
        problem=problem,
        asked_visit=asked_visit,
        notice="It is on its way again." if call.request.query_params.get("resent") else "",
        **context,
    )


async def show_sheet(call: Call) -> Response:
    """The letter's HTML, safe, for the iframe alone."""
    async with call.services.db.read() as tx:
        found = await find_bytes(tx, call.site.id, call.id("message"))
    if found is None:
        raise NotFound("there is no such letter")
    safe = await _safe_html(call.services, call.site.id, found[0])
    headers = {**HEADERS, "content-security-policy": _SHEET_POLICY, "x-frame-options": "SAMEORIGIN"}
    headers["referrer-policy"] = "no-referrer"
    return HTMLResponse(f"{_SHEET}{safe.html}</body></html>", headers=headers)


async def serve_original(call: Call) -> Response:
    """The raw letter as an .eml file."""
    message_id = call.id("message")
    async with call.services.db.read() as tx:
        found = await find_bytes(tx, call.site.id, message_id)
    if found is None:
        raise NotFound("there is no such letter")
    return await _download(call, found[0], f"letter-{message_id}.eml", "message/rfc822")


async def serve_attachment(call: Call) -> Response:
    """One attachment as a file."""
    async with call.services.db.read() as tx:
        found = await find_attachment(tx, call.site.id, call.id("message"), call.id("number"))
    if found is None:
        raise NotFound("there is no such attachment")
    return await _download(call, found.sha256, found.name, "application/octet-stream")


async def resend_delivery(call: Call) -> Response:
    """Posts the letter to the webhook again, and shows its page."""
    await resend(call.services, call.site.id, call.id("delivery"))
    return RedirectResponse(f"/sites/{call.site.id}/messages/{call.id('message')}?resent=1#deliveries", 303)


async def _visit(tx: Tx, detail: MessageDetail, site_id: int) -> Visit | None:
    return await find_visit(tx, site_id, detail.row.visit_id) if detail.row.visit_id is not None else None


async def _sent(tx: Tx, detail: MessageDetail, site_id: int) -> Sent | None:
    """The letter of ours whose link led the writer to the site."""
    writer = detail.row.writer
    return await find_send(tx, site_id, writer.send_id) if writer and writer.send_id is not None else None


async def _surroundings(call: Call, tx: Tx, detail: MessageDetail, visit: Visit | None) -> dict[str, Any]:
    """The visit's way, the webhooks and the mailbox, as the template wants them."""
    site_id = call.site.id
    posted = await deliveries.list_deliveries(tx, site_id, limit=_MOST_DELIVERIES, subject_id=detail.row.id)
    tries = {one.id: await deliveries.list_attempts(tx, site_id, one.id) for one in posted}
    receivers = await endpoints.list_endpoints(tx, site_id)
    mailbox = await find_mailbox(tx, site_id, detail.mailbox_id)
    found: dict[str, Any] = {
        "deliveries": dossier.list_posted(posted, receivers, tries, call.services.clock.now()),
        "no_deliveries": dossier.why_not_posted(detail, receivers),
        "about": dossier.list_about(detail, mailbox.name if mailbox else "removed"),
        "visit": visit,
        "facts": [],
        "source": [],
        "path": [],
    }
    if visit is not None:
        found["facts"] = dossier.list_facts(visit)
        found["source"] = dossier.list_source(visit)
        pages = await list_pageviews(tx, site_id, visit.id)
        found["path"] = dossier.list_path(pages, await list_intents(tx, site_id, visit.id))
    return found


def _links(call: Call, detail: MessageDetail) -> dict[str, str]:
    base = f"/sites/{call.site.id}/messages"
    here = f"{base}/{detail.row.id}"
    pairs = parse_qsl(call.request.query_params.get("list", "")[:4_000].removeprefix("?"))
    filters = parse_asked(dict(pairs)).query()
    back = [("list", filters)] if filters else []
    return {
        "back": base + filters,
        "text": here + (f"?{urlencode(back)}" if back else ""),
        "html": f"{here}?{urlencode([*back, ('view', 'html')])}",
        "sheet": f"{here}/sheet",
        "original": f"{here}/original.eml",
        "here": here,
    }


async def _safe_html(services: Services, site_id: int, sha256: str) -> SafeHtml:
    await bring(services, site_id, [sha256])
    try:
        return await asyncio.to_thread(_render, services.blobs.path(sha256))
    except FileNotFoundError:
        raise NotFound("the bytes of this letter are gone", hint="they were erased, or the data folder moved") from None


async def _count_blocked(services: Services, site_id: int, sha256: str) -> int:
    """How many pictures the sheet leaves out; the page is shown even when the bytes are gone."""
    try:
        return (await _safe_html(services, site_id, sha256)).blocked
    except NotFound:
        return 0


def _render(path: Path) -> SafeHtml:
    """Parsing and cleaning a big letter takes a while: never on the loop."""
    with open_letter(path) as raw:
        try:
            letter = parse_letter(raw)
        except UnreadableLetter:
            return SafeHtml("", 0)
        return sanitise(letter.html or "", _pictures(letter))


def _pictures(letter: Letter) -> dict[str, str]:
    """The letter's own pictures by content id. SVG is left out: it is a document, not a picture."""
    found: dict[str, str] = {}
    left = _MOST_INLINE
    for one in letter.attachments:
        small = one.end - one.start <= 2 * left  # before it is decoded
        if one.content_id and one.content_type in _SHOWN_TYPES and small and one.size <= left:
            left -= one.size
            found[one.content_id] = f"data:{one.content_type};base64,{base64.b64encode(one.content).decode()}"
    return found


async def _download(call: Call, sha256: str, name: str, media_type: str) -> Response:
    await bring(call.services, call.site.id, [sha256])
    path = call.services.blobs.path(sha256)
    if not path.is_file():
        raise NotFound("the bytes of this letter are gone", hint="they were erased, or the data folder was moved")
    headers = {**HEADERS, "content-security-policy": "default-src 'none'; sandbox"}
    return FileResponse(path, headers=headers, media_type=media_type, filename=name)
