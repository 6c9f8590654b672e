"""The deal number a CRM gives to a letter: found in its answer's JSON, or told later through the API.

Where in the answer: the endpoint's ``deal_path``, such as ``deal.id`` or ``result.items.0.id``; without one the usual
names are tried in this order, first hit wins:

    deal_number  deal_id  order_id  deal.number  deal.id  order.id  data.id  lead_id  id

``result``, where Bitrix24 puts it, is not among them: too many others put “ok” there. A number is text of at most 200
characters or a whole number; anything else at the place is no deal number. What was told through the API is kept
against later answers of receivers.
"""

from __future__ import annotations

from typing import Any

import msgspec

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


def find_number(answer: bytes, path: str = "") -> str | None:
    """The deal number in an answer's body; None when it is no JSON or has none there. ``path`` "" = the usual ones."""
    try:
        tree = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for one in (path,) if path else USUAL_PATHS:
        number = clean_number(_at(tree, one))
        if number is not None:
            return number
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
