"""The management API of replays."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wherefrom.errors import BadInput
from wherefrom.simulation.curve import find_curve
from wherefrom.substitution.use import MOST_DAYS
from wherefrom.web.api import Call, Operation

_MOST_SIZES = 10
_LARGEST = 10_000


class CurveQuery(Struct, frozen=True, kw_only=True):
    """``sizes``: up to ten numbers with commas between; half to four times the recommended size when left out."""

    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = 3
    sizes: str = ""


class PointView(Struct, frozen=True, kw_only=True):
    """What a pool of ``size`` would have made of the letters: ``right`` and ``wrong`` visits named, ``unmatched`` (of
    these ``refused`` because the visit found nothing free). ``plain_right``: by the plain rule, the last holder."""

    size: int
    letters: int
    right: int
    wrong: int
    unmatched: int
    refused: int
    plain_right: int


class CurveView(Struct, frozen=True, kw_only=True):
    """``visits`` had the address in view. Letters are those whose visit is known, so the curve of a pool that was too
    small lacks what it lost."""

    visits: int
    recommended: int
    sizes: list[PointView]


async def _show_curve(call: Call) -> CurveView:
    query: CurveQuery = call.query
    found = await find_curve(call.services, call.site_id, call.id("target"), query.days, _parse_sizes(query.sizes))
    return CurveView(
        visits=found.visits,
        recommended=found.recommended,
        sizes=[
            PointView(
                size=one.size, letters=one.letters, right=one.right, wrong=one.wrong, unmatched=one.unmatched,
                refused=one.refused, plain_right=one.plain_right,
            )
            for one in found.outcomes
        ],
    )  # fmt: skip


def _parse_sizes(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    good = all(word.isascii() and word.isdecimal() and len(word) < 6 and 0 < int(word) <= _LARGEST for word in words)
    if not good or len(words) > _MOST_SIZES:
        raise BadInput(
            f"sizes “{text[:60]}” is not understood",
            hint=f"up to {_MOST_SIZES} numbers from 1 to {_LARGEST} with commas between: 20,40,80",
            field="sizes",
        )
    return [int(word) for word in words]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", "/sites/{site}/targets/{target}/pool/curve", "Replay the last days with pools of other sizes",
        _show_curve, query=CurveQuery, answer=CurveView, tag="targets",
    ),
)  # fmt: skip
