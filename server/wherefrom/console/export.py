"""The history as a CSV file, streamed: as many letters as fit the filters, in the memory of one page.

RFC 4180 with a byte order mark, so that spreadsheets read UTF-8. A cell that a spreadsheet would take for a formula
gets an apostrophe in front: whoever writes a letter chooses its subject, and must not have it computed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from wherefrom.console import words
from wherefrom.console.desk import Call
from wherefrom.console.filters import make_filter, parse_asked
from wherefrom.console.page import HEADERS
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.store.history import MOST_ROWS, list_messages
from wherefrom.inbox.store.rows import HistoryRow
from wherefrom.web.csv_file import MARK, harmless, write_lines
from wherefrom.webhooks.money import from_scaled

COLUMNS = (
    "id", "date_utc", "from_address", "from_name", "receivers", "subject", "visit", "rule", "confidence", "deal",
    "source", "marker", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "country",
    "region", "city", "landing_page", "referrer", "attachments", "folder", "automatic", "visit_kind",
    "deal_status", "deal_value", "deal_currency", "contact", "contact_reference",
)  # fmt: skip


async def export_messages(call: Call) -> Response:
    """``messages.csv`` with the page's filters."""
    wanted = make_filter(parse_asked(call.request.query_params), call.reader.zone, call.services.clock.now())
    name = f"wherefrom-{call.services.clock.now().astimezone(call.reader.zone):%Y-%m-%d}.csv"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_stream(call, wanted), headers=headers, media_type="text/csv; charset=utf-8")


async def _stream(call: Call, wanted: HistoryFilter) -> AsyncIterator[str]:
    """A page of the history at a time; each is a transaction of its own, so a slow reader holds none open."""
    yield MARK + write_lines([COLUMNS])
    cursor: str | None = None
    while True:
        async with call.services.db.read() as tx:
            rows, cursor = await list_messages(tx, call.site.id, wanted, cursor, MOST_ROWS)
        if rows:
            yield write_lines(_cells(row) for row in rows)
        if cursor is None:
            return


def _cells(row: HistoryRow) -> tuple[str, ...]:
    matched, person = row.visit_id is not None, row.writer.person if row.writer else None
    cells = (
        row.id, words.iso(row.arrived_at), row.from_address, row.from_name, ", ".join(row.recipients), row.subject,
        row.visit_id, row.rule if matched else "", f"{row.confidence:.2f}" if matched else "", row.deal_number,
        words.source_words(row.source_levels, row.marker), row.marker, row.channel, row.utm_source, row.utm_medium,
        row.utm_campaign, row.utm_term, row.utm_content, row.country, row.region, row.city, row.landing_page,
        row.referrer, row.attachments or "", row.folder_kind, row.automatic, row.visit_kind,
        row.deal_status, from_scaled(row.deal_value), row.deal_currency, person.email if person else "",
        person.reference if person else "",
    )  # fmt: skip
    return tuple(harmless("" if cell is None else str(cell)) for cell in cells)
