"""Every target, by its name."""

from __future__ import annotations

from tests.fuzz import connections, doors, files, letters, pages, servers, tokens
from tests.fuzz.run import Outcome, run
from tests.fuzz.target import Target

_ALL = (
    *letters.TARGETS,
    *tokens.TARGETS,
    *pages.TARGETS,
    *doors.TARGETS,
    *files.TARGETS,
    *servers.TARGETS,
    *connections.TARGETS,
)

TARGETS: dict[str, Target] = {target.name: target for target in _ALL}


def run_by_name(name: str, inputs: int, seed: int) -> Outcome:
    """``run``, in a process of its own: a target cannot be handed over, its name can."""
    return run(TARGETS[name], inputs, seed)
