"""``GET /a/{token}``: an attachment by a signed link that expires. Whoever has the link may have the file, so it needs
no login: the CRM follows it by itself."""

from __future__ import annotations

import functools
import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from wherefrom.clock import from_ms
from wherefrom.errors import NotFound
from wherefrom.inbox.file import file_response
from wherefrom.inbox.store.details import find_attachment
from wherefrom.services import Services
from wherefrom.webhooks.fanout import ATTACHMENT_PURPOSE

_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
    "cache-control": "no-store",
}


def routes(services: Services) -> list[Route]:
    """What the inbox shows without a login."""
    return [Route("/a/{token}", functools.partial(_attachment, services), methods=["GET"], name="attachment")]


async def _attachment(services: Services, request: Request) -> Response:
    token = request.path_params["token"]
    value = services.tokens.verify(ATTACHMENT_PURPOSE, token, services.clock.now())
    if value is None:
        if services.tokens.verify(ATTACHMENT_PURPOSE, token, from_ms(0)) is not None:
            return _page(410, "This link has expired", "Open the letter in Wherefrom, or ask for the file anew.")
        return _page(404, "There is no such file", "The link is damaged or was never given out. Is it complete?")
    site_id, message_id, number = (int(part) for part in value.split("/"))
    async with services.db.read() as tx:
        found = await find_attachment(tx, site_id, message_id, number)
    if found is None:
        return _gone()
    try:
        return await file_response(services, site_id, found.sha256, found.name, found.content_type)
    except NotFound:
        return _gone()


def _gone() -> Response:
    return _page(404, "This file is no longer kept", "The letter it belonged to was erased.")


def _page(status: int, title: str, words: str) -> Response:
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<h1>{html.escape(title)}</h1><p>{html.escape(words)}</p></html>"
    )
    return HTMLResponse(text, status, _PAGE_HEADERS)
