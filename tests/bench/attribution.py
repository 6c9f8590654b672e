"""How many letters find their visit: made-up weeks through the real lending and attribution, against the plain rule.

    python -m tests.bench.attribution [--seeds 8] [--sizes 40 160 320] [--traffic issue …] [--json FILE]

Every row is the mean of eight weeks of 4,000 visits a day, but for the traffics that say otherwise. ``right`` is the
share of letters by visitors who saw the address; ``of these right`` the share among those said with confidence 0.95 or
more; ``error`` the calibration error of a week (``simulation.calibration``), ``plain error`` the same with what chance
adds, ``all weeks`` that of all weeks' letters together; ``plain rule``: an address for every visit on landing, letters
to the last holder.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from datetime import timedelta
from statistics import mean

from tests.bench.figures import Row, add_json_option, hand_in
from wherefrom.inbox.pool import SURE
from wherefrom.simulation.calibration import calibration_error, plain_error
from wherefrom.simulation.plain import count_plain_right
from wherefrom.simulation.replay import judge
from wherefrom.simulation.traffic import DAY, Traffic, Way, make_visits
from wherefrom.substitution.lease import Terms

USUAL = Traffic()


def ways(mailto: Way | None = None, copy: Way | None = None, later: Way | None = None) -> tuple[Way, ...]:
    """The usual ways of writing, but for those given."""
    usual = USUAL.ways
    return (mailto or usual[0], copy or usual[1], later or usual[2])


def slower(times: float) -> tuple[Way, ...]:
    return tuple(replace(one, median=one.median * times) for one in USUAL.ways)


def noticed(mailto: float, copy: float) -> tuple[Way, ...]:
    return tuple(replace(one, noticed=mailto if one.intent == "mailto" else copy) for one in USUAL.ways)


def shares(*parts: float) -> tuple[Way, ...]:
    return tuple(replace(one, share=part) for one, part in zip(USUAL.ways, parts, strict=True))


TRAFFICS: dict[str, Traffic] = {
    "issue": USUAL,
    "delays × 3": Traffic(ways=slower(3)),
    "delays ÷ 3": Traffic(ways=slower(1 / 3)),
    "delays wide": Traffic(
        ways=ways(
            Way(0.5, "mailto", 1.0, 240.0, 1.6), Way(0.4, "copy", 0.8, 1_800.0, 2.0), Way(0.1, "copy", 0.8, DAY, 1.2)
        )
    ),
    "few clicks": Traffic(ways=shares(0.2, 0.65, 0.15)),
    "signs lost": Traffic(ways=noticed(0.7, 0.4)),
    "no signs": Traffic(ways=noticed(0.0, 0.0), idle_copies=0.0),
    "many copy": Traffic(idle_copies=0.10),
    "many write": Traffic(writers=0.10),
    "many see": Traffic(exposed=0.40),
    "800 a day": Traffic(visits=800),
}  # fmt: skip

GOALS = {("issue", 40): 0.92, ("issue", 160): 0.97}
"""Shares of letters that find their visit."""
SURE_GOAL, ERROR_GOAL = 0.99, 0.03
TERMS = Terms(timedelta(minutes=15), timedelta())


def tell(name: str, traffic: Traffic, size: int, seeds: int) -> list[Row]:
    began = time.process_time()
    rows, every, sure_right, letters = [], [], [], 0
    for seed in range(seeds):
        visits = make_visits(traffic, seed)
        judged = judge(visits, size, TERMS)
        named = [(one.confidence, one.right) for one in judged if one.right is not None]
        sure = [right for confidence, right in named if confidence >= SURE]
        every += named
        sure_right += [sum(sure) / len(sure)] if sure else []
        letters += len(judged)
        rows.append(
            (
                sum(right for _, right in named) / len(judged), len(sure) / len(judged),
                calibration_error(named), plain_error(named), sum(one.refused for one in judged) / len(judged),
                count_plain_right(visits, size) / len(judged),
            )
        )  # fmt: skip
    right, sure_share, error, plain, refused, plain_right = map(mean, zip(*rows, strict=True))
    took = (time.process_time() - began) / seeds
    of_these = f"{mean(sure_right):.4f}" if sure_right else "none sure"
    print(
        f"{name:<12}{size:>5}{letters // seeds:>9}{right:>8.3f}{sure_share:>8.2f}{of_these:>16}{error:>8.3f}"
        f"{plain:>13.3f}{plain_error(every):>11.3f}{refused:>9.3f}{plain_right:>12.2f}{took:>8.1f} s",
        flush=True,
    )
    what = f"attribution, {name}, pool of {size}"
    return [
        Row(f"{what}: right", right, against=f"the plain rule, {plain_right:.2f}", least=GOALS.get((name, size))),
        *([Row(f"{what}: right of the sure", mean(sure_right), least=SURE_GOAL)] if sure_right else []),
        Row(f"{what}: calibration error", error, most=ERROR_GOAL),
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=8)
    options.add_argument("--sizes", type=int, nargs="+", default=[40, 160])
    options.add_argument("--traffic", nargs="+", choices=list(TRAFFICS), default=list(TRAFFICS))
    add_json_option(options)
    chosen = options.parse_args()
    print(
        f"{'traffic':<12}{'size':>5}{'letters':>9}{'right':>8}{'sure':>8}{'of these right':>16}{'error':>8}"
        f"{'plain error':>13}{'all weeks':>11}{'refused':>9}{'plain rule':>12}{'a week':>10}"
    )
    rows = [
        row
        for name in chosen.traffic
        for size in chosen.sizes
        for row in tell(name, TRAFFICS[name], size, chosen.seeds)
    ]
    hand_in(rows, chosen.json)


if __name__ == "__main__":
    main()
