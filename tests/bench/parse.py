"""How many letters a second are read, and how many wrongly, beside the standard library and mail-parser in one run.

    python -m tests.bench.parse [--letters 400] [--checked 2000] [--rounds 5] [--json FILE]

Letters of about 35 kB on average come from the seeded generator of the tests: twelve charsets, seven shapes, up to six
hops. The ways take turns in each round, and the median counts: machines differ and drift, only the ratios say
something. Each way ends with the same in hand: subject, sender, texts, files. Wherefrom's reader leaves files as they
stand until somebody wants them; the line "files decoded, too" wants them all. A letter is wrong when one of these
differs from what was put into it (well-formed ones) or from what the specimens' index says (odd ones).
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.bench.figures import Row, add_json_option, hand_in
from tests.mail.readers import READERS, Seen
from tests.mail.test_differential import truth
from tests.mail.test_specimens import FOLDER, INDEX
from tests.mail.wellformed import WellFormed, make_letters
from wherefrom.mail.parse import parse_letter

FILE_SIZE = 26_000
"""Bytes of a file on average, which makes letters of 35 kB."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--letters", type=int, default=400, help="letters each way reads in a round")
    options.add_argument("--checked", type=int, default=2_000, help="letters compared with what was put into them")
    options.add_argument("--rounds", type=int, default=5)
    add_json_option(options)
    chosen = options.parse_args()
    letters = make_letters(1, chosen.letters, FILE_SIZE)
    gc.freeze()  # as the service does: what lives long is not looked through again and again
    ways: dict[str, Callable[[bytes], Any]] = {**READERS, "wherefrom.mail.parse": parse_letter}
    ways["the same, files decoded, too"] = READERS["wherefrom.mail.parse"]
    speeds = measure(ways, [one.raw for one in letters], chosen.rounds)
    checked = make_letters(2026, chosen.checked)
    print(f"{len(letters)} letters, {sum(len(one.raw) for one in letters) / len(letters) / 1000:.0f} kB on average\n")
    odd = count_odd()
    print(f"{'way':36}{'letters/s':>10}{'of compat32':>13}{'of mail-parser':>16}", end="")
    print(f"{f'wrong of {len(checked)}':>16}{f'wrong of {odd} odd':>18}")
    rows = []
    for name, speed in speeds.items():
        line = f"{name:36}{speed:10.0f}{speed / speeds['standard library, compat32']:13.2f}"
        line += f"{speed / speeds['mail-parser']:16.2f}"
        if name in READERS:
            wrong = (count_wrong(READERS[name], checked), count_wrong_odd(READERS[name]))
            line += f"{wrong[0]:16}{wrong[1]:18}"
            if name == "wherefrom.mail.parse":
                rows += _rows(speeds, wrong, len(checked), odd)
        print(line)
    hand_in(rows, chosen.json)


def _rows(speeds: dict[str, float], wrong: tuple[int, int], checked: int, odd: int) -> list[Row]:
    """Only Wherefrom's own reader is held to something."""
    ours = speeds["wherefrom.mail.parse"]
    others = ("standard library, compat32", "mail-parser")
    return [
        *(Row("letters parsed", ours, "/s", against=name, ratio=ours / speeds[name]) for name in others),
        Row(f"letters parsed wrongly, of {checked} well-formed ones", wrong[0], most=0),
        Row(f"letters parsed wrongly, of {odd} odd ones", wrong[1], most=0),
    ]


def measure(ways: dict[str, Callable[[bytes], Any]], letters: list[bytes], rounds: int) -> dict[str, float]:
    """Letters a second of processor time by way, the median of the rounds."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.process_time()
            for raw in letters:
                way(raw)
            took[name].append((time.process_time() - begun) / len(letters))
    return {name: 1 / statistics.median(times) for name, times in took.items()}


def count_wrong(read: Callable[[bytes], Seen], letters: list[WellFormed]) -> int:
    """How many of the generated letters come out other than they were written."""
    return sum(not _is_right(read, one) for one in letters)


def _is_right(read: Callable[[bytes], Seen], letter: WellFormed) -> bool:
    try:
        seen = read(letter.raw)
    except Exception:
        return False
    right = truth(letter)
    same = (seen.subject, seen.from_, seen.html, seen.files) == (right.subject, right.from_, right.html, right.files)
    return same and (letter.plain is None or seen.plain == right.plain)


def count_odd() -> int:
    """Specimens that say something of what every reader is asked for."""
    return sum(bool(_stated(name)) for name in INDEX)


def count_wrong_odd(read: Callable[[bytes], Seen]) -> int:
    """How many of the specimens come out other than their index says, as far as every reader tells it."""
    return sum(bool(_stated(name)) and not _is_specimen_right(read, name) for name in INDEX)


def _is_specimen_right(read: Callable[[bytes], Seen], name: str) -> bool:
    try:
        seen = read((FOLDER / f"{name}.eml").read_bytes())
    except Exception:
        return False
    found = {"subject": seen.subject, "from": f"{seen.from_[0]} <{seen.from_[1]}>", "text": seen.plain}
    found["attachments"] = [file_name for file_name, _ in seen.files]
    return all(found[key] == value for key, value in _stated(name).items())


def _stated(name: str) -> dict[str, Any]:
    """What the index says of subject, sender, plain text and named files."""
    line = INDEX[name]
    stated = {key: line[key] for key in ("subject", "from") if line.get(key)}
    if line.get("text") and not line.get("has_html"):
        stated["text"] = line["text"]
    names = [one.rsplit(" ", 2 + one.endswith(" inline"))[0] for one in line.get("attachments", ())]
    if names and not any(one.startswith("attachment-") or one.endswith(".eml") for one in names):
        stated["attachments"] = names
    return stated


if __name__ == "__main__":
    main()
