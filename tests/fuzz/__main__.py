"""Feeds everything that reads what strangers write with inputs that are nearly right, and tells what it met.

    python -m tests.fuzz --inputs 1000000 --seed 7 [--only letter,head] [--jobs 2]
    python -m tests.fuzz --one letter:7:123456      one input again, by its number, with the whole traceback

Inputs are spread over the targets by their shares; the same seed always makes the same inputs. Each target runs in a
process of its own. A line a target: inputs, seconds, the slowest input, memory at start and end, faults. The status is
1 when there was a fault: an exception, an input that took too long, memory that grew.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.fuzz.all import TARGETS, run_by_name
from tests.fuzz.mutate import make
from tests.fuzz.run import Outcome


def _one(number: str) -> int:
    target = TARGETS[number.partition(":")[0]]
    data = make(number, target.seeds(), target.words)
    print(f"{len(data)} bytes: {data[:2000]!r}")
    began = time.perf_counter()
    with target.open() as feed:
        feed(data)
    print(f"no fault, {time.perf_counter() - began:.3f} s")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="names of targets, with commas")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--one", default="", help="an input's number, as it is told with a fault")
    asked = parser.parse_args()
    if asked.one:
        return _one(asked.one)
    chosen = [TARGETS[name] for name in asked.only.split(",")] if asked.only else list(TARGETS.values())
    whole = sum(target.share for target in chosen)
    jobs = [(target.name, max(1, asked.inputs * target.share // whole), asked.seed) for target in chosen]
    began = time.perf_counter()
    outcomes: list[Outcome] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.jobs, context, max_tasks_per_child=1) as pool:
        for done in as_completed([pool.submit(run_by_name, *job) for job in jobs]):
            outcomes.append(outcome := done.result())
            print(outcome.line(), flush=True)
            for number, fault in outcome.faults.items():
                print(f"  FAULT {number}: {fault}", flush=True)
    faults = sum(len(outcome.faults) for outcome in outcomes)
    inputs = sum(outcome.inputs for outcome in outcomes)
    print(f"{inputs:,} inputs in {time.perf_counter() - began:.0f} s, {faults} faults, seed {asked.seed}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
