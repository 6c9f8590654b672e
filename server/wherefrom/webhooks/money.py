"""What a deal is worth: an exact decimal outside, whole ten-thousandths of the currency's unit in the database.

No currency has more than four decimals (ISO 4217), so nothing is rounded, and sums are exact in SQL.
"""

from __future__ import annotations

from decimal import Decimal

from wherefrom.errors import BadInput

SCALE = 10_000
MOST = Decimal(10) ** 13
"""Ten million millions: a mistake rather than a deal, and a million such ones still add up within 63 bits."""


def to_scaled(value: Decimal) -> int:
    """``value`` in ten-thousandths; BadInput for what is no sum of money."""
    if not value.is_finite() or not 0 <= value < MOST:
        raise BadInput("this is no value of a deal", hint="a number from 0 to 9999999999999", field="deal_value")
    scaled = value * SCALE
    if scaled != int(scaled):
        raise BadInput(
            "the value of a deal has more than four decimals", hint="round it to the currency's", field="deal_value"
        )
    return int(scaled)


def from_scaled(scaled: int | None) -> Decimal | None:
    """The value of ``scaled`` ten-thousandths, with at least two decimals: 1500.00, 0.125."""
    if scaled is None:
        return None
    value = Decimal(scaled) / SCALE
    return value.quantize(Decimal("0.01")) if scaled % 100 == 0 else value.normalize()


def clean_currency(text: str) -> str:
    """A currency's three letters in upper case; BadInput for anything else."""
    clean = text.strip().upper()
    if not (len(clean) == 3 and clean.isascii() and clean.isalpha()):
        raise BadInput(f"“{text[:20]}” is no currency", hint="three letters of ISO 4217: EUR", field="deal_currency")
    return clean


def money_words(scaled: int | None, currency: str | None) -> str:
    """The value for people: “1 500.00 EUR”; "" when there is none."""
    value = from_scaled(scaled)
    return "" if value is None else f"{value:,f}".replace(",", "\u00a0") + (f" {currency}" if currency else "")
