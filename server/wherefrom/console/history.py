"""The page people look at all day: the letters of a site, filtered, growing by itself.

    GET …/messages           the page; for htmx, only what depends on the filters
    GET …/messages/poll      every two seconds: 204 while nothing has changed, else the list anew
    GET …/messages.csv       all letters that fit the filters (``export``)

The poll first looks at the newest letters of the site, whatever the filter: that is one short walk along an index.
Only when they are not what the page was made from is the filtered list read again, since a filter that hardly any
letter fits has to look at many. So a deal number, or a letter sorted late, appears like a new letter does.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from msgspec import Struct
from starlette.responses import RedirectResponse, Response

from wherefrom.console.desk import Call
from wherefrom.console.filters import CHOICES, TEXTS, Asked, list_chips, make_filter, parse_asked
from wherefrom.console.page import HEADERS, is_fragment
from wherefrom.console.rows import fingerprint, make_line
from wherefrom.db import Tx
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.store.history import list_messages
from wherefrom.inbox.store.mailboxes import list_mailboxes
from wherefrom.inbox.store.rows import HistoryRow
from wherefrom.substitution.store.targets import list_targets

ON_A_PAGE = 50


class Links(Struct, frozen=True):
    """The addresses a list leads to. All carry the filters."""

    base: str
    asked: Asked
    cursor: str | None
    known: str

    @property
    def here(self) -> str:
        """The page without any filter: what the filters' form is sent to."""
        return self.base

    @property
    def newest(self) -> str:
        return self.base + self.asked.query()

    @property
    def older(self) -> str:
        """ "" at the end."""
        return self.base + self.asked.query(cursor=self.cursor) if self.cursor else ""

    @property
    def poll(self) -> str:
        return f"{self.base}/poll{self.asked.query(known=self.known)}"

    @property
    def export(self) -> str:
        return f"{self.base}.csv{self.asked.query()}"

    def letter(self, message_id: int) -> str:
        """The letter, which leads back to this list."""
        query = self.asked.query()
        return f"{self.base}/{message_id}" + (f"?{urlencode({'list': query})}" if query else "")


async def show_start(call: Call) -> Response:
    """``/``: the letters of the first site."""
    if not call.sites:
        return call.show("no_site.html", "messages")
    return RedirectResponse(f"/sites/{call.sites[0].id}/messages", 303)


async def show_messages(call: Call) -> Response:
    """The page, or the part below the filters when htmx asks."""
    asked = parse_asked(call.request.query_params)
    cursor = call.request.query_params.get("cursor", "")
    context = await _list(call, asked, cursor)
    if is_fragment(call.request):
        return call.show("results.html", "messages", fragment=True, **context)
    return call.show("messages.html", "messages", fragment=False, choices=CHOICES, texts=TEXTS, **context)


async def poll_messages(call: Call) -> Response:
    """The list anew when it may have changed."""
    asked = parse_asked(call.request.query_params)
    async with call.services.db.read() as tx:
        known = await _newest(tx, call.site.id)
    if known == call.request.query_params.get("known"):
        return Response(status_code=204, headers=HEADERS)
    return call.show("list.html", "messages", **await _list(call, asked, ""))


async def _newest(tx: Tx, site_id: int) -> str:
    rows, _ = await list_messages(tx, site_id, HistoryFilter(), None, ON_A_PAGE)
    return fingerprint(rows)


async def _list(call: Call, asked: Asked, cursor: str) -> dict[str, Any]:
    """Everything the list and the parts around it need."""
    wanted = make_filter(asked, call.reader.zone, call.services.clock.now())
    async with call.services.db.read() as tx:
        # The fingerprint first: what arrives in between makes the next poll read the list once more than needed,
        # the other way round it would be missed.
        known = "" if cursor else await _newest(tx, call.site.id)
        rows, after = await list_messages(tx, call.site.id, wanted, cursor or None, ON_A_PAGE)
        empty = "" if rows else await _why_empty(tx, call.site.id, asked, cursor, after)
    links = Links(f"/sites/{call.site.id}/messages", asked, after, known)
    return {
        "asked": asked,
        "chips": [(chip.words, links.here + chip.rest.query()) for chip in list_chips(asked)],
        "links": links,
        "lines": [make_line(row) for row in rows],
        "first_page": not cursor,
        "empty": empty,
        "commands": _commands(call),
        "known_sources": _sources(rows),
    }


async def _why_empty(tx: Tx, site_id: int, asked: Asked, cursor: str, after: str | None) -> str:
    """Which of the explanations in ``empty.html`` is true."""
    if after:
        return "searching"  # it looked at many letters and found none among them; older ones are left
    if cursor:
        return "page"
    if asked.any:
        return "filter"
    if not await list_targets(tx, site_id):
        return "target"
    if not await list_mailboxes(tx, site_id):
        return "mailbox"
    return "letter"


def _sources(rows: list[HistoryRow]) -> list[str]:
    """Sources to offer while typing: those of the letters on the page."""
    return sorted({row.source_levels[0] for row in rows if row.source_levels and row.source_levels[0]})


def _commands(call: Call) -> dict[str, str]:
    """What to type, or call, when something is still missing."""
    name = call.site.name if " " not in call.site.name else f"'{call.site.name}'"
    host = call.site.hosts[0] if call.site.hosts else "company.com"
    api = f"{call.services.settings.server.public_url.rstrip('/')}/api/v1/sites/{call.site.id}"
    curl = f"curl {api}/{{}} -H 'Authorization: Bearer KEY' -d '{{}}'"
    return {
        "target": f"wherefrom target add {name} sales@{host}",
        "target_call": curl.format("targets", f'{{"address": "sales@{host}"}}'),
        "mailbox": f"wherefrom mailbox add {name} --host imap.{host} --user sales@{host}",
        "mailbox_call": curl.format(
            "mailboxes", f'{{"host": "imap.{host}", "username": "sales@{host}", "password": "…"}}'
        ),
    }
