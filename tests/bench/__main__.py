"""All benchmarks at once, as one table and as JSON.

    python -m tests.bench [BENCH …] [--long] [--json FILE]    measures; status 1 when one of them failed. With names it
                                                              replaces the figures of these in FILE
    python -m tests.bench --readme [--json FILE]              writes the figures of the last run into the README
    python -m tests.bench --show [--json FILE]                prints the last run's table again

`make bench` is the first of these in its short form: some twelve minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench.figures.plan import PLAN
from tests.bench.figures.report import noise, put_section, read_report, table, write_report
from tests.bench.figures.run import ROOT, run_all


def main() -> int:
    given = _parse()
    if given.readme or given.show:
        try:
            report = read_report(given.json)
            if given.show:
                print(table(report))
                return 0
            readme = ROOT / "README.md"
            readme.write_text(put_section(readme.read_text(encoding="utf-8"), report), encoding="utf-8")
        except ValueError as error:
            sys.exit(str(error))
        print(f"README.md has the figures of {report.dates}")
        return 0
    report = run_all([one for one in PLAN if one.bench in given.benches or not given.benches], long=given.long)
    failed = report.has_failed
    if given.benches and given.json.exists():
        report = read_report(given.json).put(report)
    write_report(report, given.json)
    print(f"\n{table(report)}\n")
    if words := noise(report):
        print(words)
    print(f"{report.minutes:.0f} minutes; written to {given.json}")
    return 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(dict.fromkeys(one.bench for one in PLAN))
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"only these of {', '.join(names)}")
    parser.add_argument("--long", action="store_true", help="the long form, some hours")
    parser.add_argument("--json", type=Path, default=ROOT / "bench.json", metavar="FILE", help="bench.json unless told")
    parser.add_argument("--readme", action="store_true", help="write the figures of FILE into the README")
    parser.add_argument("--show", action="store_true", help="print the table of FILE")
    given = parser.parse_args()
    if unknown := sorted(set(given.benches) - set(names)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(names)}")
    return given


if __name__ == "__main__":
    sys.exit(main())
