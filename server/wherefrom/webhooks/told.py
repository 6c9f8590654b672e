"""What a CRM, or a person, tells later of the deal that was made of a letter: its number, status and value.

It is kept against what receivers answer afterwards (see ``deal.py``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from wherefrom.errors import BadInput, NotFound
from wherefrom.services import Services
from wherefrom.webhooks.deal import LONGEST_NUMBER, LONGEST_STATUS, clean_number, clean_status
from wherefrom.webhooks.money import clean_currency, to_scaled
from wherefrom.webhooks.store import deals

DealStatus = Annotated[str, Meta(max_length=LONGEST_STATUS)]


class ChangeDeal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the CRM made of a letter. What is left out stays, null clears. ``deal_status`` in the CRM's own words;
    ``deal_value`` a decimal number, as JSON number or string; ``deal_currency`` three letters (ISO 4217)."""

    deal_number: str | UnsetType | None = UNSET
    deal_status: DealStatus | UnsetType | None = UNSET
    deal_value: Decimal | UnsetType | None = UNSET
    deal_currency: str | UnsetType | None = UNSET


class ChangeDealNumbered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a deal. What is left out stays, null clears."""

    status: DealStatus | UnsetType | None = UNSET
    value: Decimal | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET


async def set_deal(services: Services, site_id: int, message_id: int, number: str) -> str:
    """Keeps the deal number somebody tells us, in normal form; it stays whatever receivers answer later."""
    clean = _number(number, "number")
    async with services.db.write() as tx:
        await deals.record_deal(
            tx, site_id=site_id, subject_id=message_id, number=clean, endpoint_id=None, now=services.clock.now()
        )
    return clean


async def change_deal(services: Services, site_id: int, message_id: int, wish: ChangeDeal) -> None:
    """Keeps what ``wish`` tells of a message's deal. The caller answers for the message being there."""
    values = _deal_values(wish)
    async with services.db.write() as tx:
        if values:
            await deals.update_deal(tx, site_id, message_id, values, services.clock.now())


async def change_deals_numbered(services: Services, site_id: int, number: str, wish: ChangeDealNumbered) -> int:
    """Keeps what ``wish`` tells of all letters whose deal has this ``number``; how many. NotFound when none has."""
    values = _deal_values(ChangeDeal(deal_status=wish.status, deal_value=wish.value, deal_currency=wish.currency))
    async with services.db.write() as tx:
        count = await deals.update_deals_numbered(tx, site_id, number, values, services.clock.now())
    if not count:
        raise NotFound(
            f"no letter has the deal “{number[:80]}”",
            hint="a deal is known by the number its CRM answered, or was told by PATCH …/messages/{message}",
        )
    return count


def _deal_values(wish: ChangeDeal) -> dict[str, Any]:
    """The columns of ``wish``; what was left out is not among them, null clears."""
    values: dict[str, Any] = {}
    if wish.deal_number is not UNSET:
        values["number"] = "" if wish.deal_number is None else _number(wish.deal_number, "deal_number")
    if wish.deal_status is not UNSET:
        values["status"] = clean_status(wish.deal_status)
        if values["status"] is None and (wish.deal_status or "").strip():
            raise BadInput("a deal's status is one line of text", field="deal_status")
    if wish.deal_value is not UNSET:
        values["value"] = None if wish.deal_value is None else to_scaled(wish.deal_value)
    if wish.deal_currency is not UNSET:
        values["currency"] = clean_currency(wish.deal_currency) if wish.deal_currency else None
    return values


def _number(text: str, field: str) -> str:
    clean = clean_number(text)
    if clean is None:
        raise BadInput("this is no deal number", hint=f"1 to {LONGEST_NUMBER} printable characters", field=field)
    return clean
