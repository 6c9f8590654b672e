"""``wherefrom pool simulate`` and ``wherefrom pool traffic``: how right a pool would be. Neither asks the database."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, show
from wherefrom.cli.service import read_settings
from wherefrom.errors import BadInput
from wherefrom.simulation.traffic import Traffic, make_visits
from wherefrom.simulation.visits_file import COLUMNS, read_visits, write_visits

if TYPE_CHECKING:
    from wherefrom.simulation.replay import Outcome

_LARGEST = 100_000
_USUAL = Traffic()


def add_to(app: typer.Typer) -> None:
    app.command("simulate")(simulate_pool)
    app.command("traffic")(make_traffic)


def simulate_pool(
    visits: Annotated[
        Path, typer.Option("--visits", metavar="FILE.csv", help=f"The traffic, with columns {','.join(COLUMNS)}.")
    ],
    size: Annotated[
        list[int], typer.Option("--size", metavar="N [N…]", min=1, max=_LARGEST, help="Addresses in the pool.")
    ],
    more: Annotated[list[int] | None, typer.Argument(metavar="[N]...", hidden=True, min=1, max=_LARGEST)] = None,
    lease_seconds: Annotated[
        float | None,
        typer.Option(min=1, max=86_400, help="How long an address is held after a visit's last sign of life."),
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play traffic through the real lending and attribution, and say how many letters find their visit.

    One visit a row; times in seconds, empty for never; intent is mailto, copy, select or empty (nothing noticed).
    """
    from wherefrom.simulation.replay import simulate  # late, both: see wherefrom.cli
    from wherefrom.substitution.lease import Terms

    terms = Terms.of(read_settings(settings))
    if lease_seconds is not None:
        terms = replace(terms, hold=timedelta(seconds=lease_seconds))
    traffic = read_visits(visits)
    outcomes = [simulate(traffic, one, terms) for one in dict.fromkeys([*size, *(more or ())])]
    show({"sizes": outcomes}, as_json, lambda _: _words(outcomes))


def make_traffic(
    out: Annotated[str, typer.Argument(metavar="FILE.csv", help="Where to write it; - for standard output.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same traffic.")] = 0,
    visits: Annotated[int, typer.Option(min=1, max=200_000, help="Visits a day.")] = _USUAL.visits,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days.")] = _USUAL.days,
    exposed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of visits that see the address.")
    ] = _USUAL.exposed,
    writers: Annotated[float, typer.Option(min=0, max=1, help="Share of those that write.")] = _USUAL.writers,
    idle_copies: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the others that copy it all the same.")
    ] = _USUAL.idle_copies,
    unseen: Annotated[float, typer.Option(min=0, max=1, help="Share of signs lost that would be noticed.")] = 0.0,
    slower: Annotated[float, typer.Option(min=0.01, max=100, help="All delays of letters, times this.")] = 1.0,
) -> None:
    """Make up traffic for simulate: a day's curve, exposures, signs of interest, and letters after a while."""
    ways = tuple(replace(one, noticed=one.noticed * (1 - unseen), median=one.median * slower) for one in _USUAL.ways)
    traffic = Traffic(
        visits=visits, days=days, exposed=exposed, writers=writers, idle_copies=idle_copies * (1 - unseen), ways=ways
    )
    made = make_visits(traffic, seed)
    if out == "-":
        write_visits(sys.stdout, made)
        return
    try:
        with Path(out).open("w", encoding="utf-8", newline="") as file:
            number = write_visits(file, made)
    except OSError as error:
        raise BadInput(f"{out}: cannot be written: {error.strerror}", hint="name a file in a folder of yours") from None
    letters = sum(one.wrote_at is not None for one in made)
    typer.echo(f"{out}: {number} visits, {letters} letters\nNext: wherefrom pool simulate --visits {out} --size 40")


def _words(outcomes: Sequence[Outcome]) -> str:
    lines = [
        f"{outcomes[0].letters} letters by visitors who saw the address",
        f"{'size':>6} {'right':>7} {'wrong':>6} {'unmatched':>10} {'refused':>8} {'sure':>6} {'of these right':>15} "
        f"{'calibration error':>18} {'plain rule':>11}",
    ]
    lines += [_line(one) for one in outcomes]
    return "\n".join(lines)


def _line(one: Outcome) -> str:
    letters, sure = max(one.letters, 1), max(one.sure, 1)
    return (
        f"{one.size:>6} {one.right / letters:>7.1%} {one.wrong:>6} {one.unmatched:>10} {one.refused:>8} "
        f"{one.sure / letters:>6.0%} {one.sure_right / sure:>15.1%} {one.calibration_error:>18.3f} "
        f"{one.plain_right / letters:>11.1%}"
    )
