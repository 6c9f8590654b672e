"""The corpus: what comes back, and what only looks like it. No letter may end mail that did not come back for good."""

from __future__ import annotations

from collections.abc import Callable

from tests.bounces.desk import Desk
from tests.bounces.specimens import Specimen, all_specimens

SPECIMENS = all_specimens()


async def test_each_specimen_is_taken_for_what_it_is(
    desk: Desk, record_property: Callable[[str, object], None]
) -> None:
    letters = [await desk.send(f"ann{n}+news@mail.example", list="news") for n in range(len(SPECIMENS))]
    ids = [
        await desk.post.store(desk.fill(one.raw, letter, n))
        for n, (one, letter) in enumerate(zip(SPECIMENS, letters, strict=True))
    ]
    await desk.sort()
    kept = {one.send_id: one for one in await desk.bounces()}
    ended = {one.send_id for one in await desk.suppressions()}
    wrong: list[str] = []
    for one, letter, id_ in zip(SPECIMENS, letters, ids, strict=True):
        status, reason = await desk.post.status(id_)
        bounce = kept.get(letter.sent.id)
        met = bounce.weight if bounce else "left"
        if met != one.weight or (status == "taken") != (met != "left") or (letter.sent.id in ended) != ends(one):
            wrong.append(f"{one.name}: {met}, not {one.weight}; {status} {reason}")
    assert wrong == []
    false_ends = [
        one.name for one, letter in zip(SPECIMENS, letters, strict=True) if letter.sent.id in ended and not ends(one)
    ]
    came_back = [(one, letter) for one, letter in zip(SPECIMENS, letters, strict=True) if one.bounced]
    recognised = sum(letter.sent.id in kept for _, letter in came_back)
    innocent = sum(not ends(one) for one in SPECIMENS)
    figures = f"recognised {recognised} of {len(came_back)}; false hard {len(false_ends)} of {innocent} that are not"
    record_property("figure", figures)
    assert len(SPECIMENS) >= 100
    assert recognised == len(came_back)
    assert false_ends == []


def ends(one: Specimen) -> bool:
    return one.bounced and one.weight in ("hard", "complaint")
