"""Every target, by its name."""

from __future__ import annotations

from tests.fuzz import letters
from tests.fuzz.run import Outcome, run
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {target.name: target for target in letters.TARGETS}


def run_by_name(name: str, inputs: int, seed: int) -> Outcome:
    """``run``, in a process of its own: a target cannot be handed over, its name can."""
    return run(TARGETS[name], inputs, seed)
