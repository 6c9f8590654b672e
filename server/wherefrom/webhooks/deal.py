"""The deal number a CRM gives to a letter: found in its answer's JSON, or told later through the API.

Where in the answer: the endpoint's ``deal_path``, such as ``deal.id`` or ``result.items.0.id``; without one the usual
names are tried in this order, first hit wins:

    deal_number  deal_id  order_id  deal.number  deal.id  order.id  data.id  lead_id  id

Its status, value and currency are read beside the number, when they say whose they are: ``deal_status``,
``deal_value``, ``deal_currency``, or in an object of the deal's own (``deal``, ``order``, or where ``deal_path`` leads)
``status``, ``value`` (or ``price``, ``amount``) and ``currency``. What makes no sense there is as if it were not there.

``result``, where Bitrix24 puts it, is not among them: too many others put “ok” there. A number is text of at most 200
characters or a whole number; anything else at the place is no deal number. What was told through the API is kept
against later answers of receivers.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from wherefrom.errors import BadInput
from wherefrom.webhooks.money import clean_currency, to_scaled

USUAL_PATHS = (
    "deal_number",
    "deal_id",
    "order_id",
    "deal.number",
    "deal.id",
    "order.id",
    "data.id",
    "lead_id",
    "id",
)
LONGEST_NUMBER = 200
LONGEST_STATUS = 100
_OWN = ("deal", "order")  # among the usual paths; “data” may be about anything


class AnsweredDeal(msgspec.Struct, frozen=True):
    """What an answer tells of the deal; ``value`` in ten-thousandths of the currency's unit."""

    number: str
    status: str | None = None
    value: int | None = None
    currency: str | None = None


def find_deal(answer: bytes, path: str = "") -> AnsweredDeal | None:
    """The deal in an answer's body; None when it is no JSON or has no number there. ``path`` "" = the usual ones."""
    try:
        tree = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for one in (path,) if path else USUAL_PATHS:
        number = clean_number(_at(tree, one))
        if number is not None:
            parent, _, _ = one.rpartition(".")
            own = bool(parent) if path else parent in _OWN
            return AnsweredDeal(number, *_read_beside(_at(tree, parent) if parent else tree, own))
    return None


def _read_beside(holder: Any, own: bool) -> tuple[str | None, int | None, str | None]:
    """Status, value and currency in the object that holds the number; ``own``: it is the deal's alone."""
    if not isinstance(holder, dict):
        return None, None, None

    def first(*names: str) -> Any:
        known = [holder[name] for name in (f"deal_{names[0]}", *(names if own else ())) if name in holder]
        return known[0] if known else None

    return clean_status(first("status")), _money(first("value", "price", "amount")), _currency(first("currency"))


def clean_status(value: Any) -> str | None:
    """A deal's status as text; None for what cannot be one."""
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= LONGEST_STATUS and text.isprintable() else None


def _money(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return to_scaled(Decimal(str(value)[:40]))
    except (InvalidOperation, BadInput):
        return None


def _currency(value: Any) -> str | None:
    try:
        return clean_currency(value) if isinstance(value, str) else None
    except BadInput:
        return None


def clean_number(value: Any) -> str | None:
    """A deal number as text; None for what cannot be one: empty, too long, a fraction, a truth value, a structure."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= LONGEST_NUMBER and text.isprintable() else None


def _at(tree: Any, path: str) -> Any:
    """The value at a dotted path; a step is a member's name or a list's index."""
    for step in path.split("."):
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isascii() and step.isdecimal() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return None
    return tree
