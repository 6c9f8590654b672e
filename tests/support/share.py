"""A share of a core for a process, and no more, by a control group of its own (Linux, version 1 or 2; takes root)."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PERIOD = 100_000  # µs, as containers have it


@contextlib.contextmanager
def share_of_core(process: int, core: float) -> Iterator[Path]:
    """Holds ``process`` and its children to ``core`` (0.2: a fifth of one core) until the end of the block. OSError
    where that is not allowed. The group is given."""
    is_old = (_ROOT / "cpu" / "cgroup.procs").exists()
    above = _ROOT / "cpu" if is_old else _ROOT
    home = above / _find_group(process, is_old=is_old)
    group = above / f"share-{os.getpid()}-{process}"
    group.mkdir()
    try:
        quota = round(core * _PERIOD)
        if is_old:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (above / "cgroup.subtree_control").write_text("+cpu")
            (group / "cpu.max").write_text(f"{quota} {_PERIOD}")
        (group / "cgroup.procs").write_text(str(process))
        yield group
    finally:
        _remove(group, home)


def _find_group(process: int, *, is_old: bool) -> str:
    """Where it is now, below the root."""
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if ("cpu" in controllers.split(",")) if is_old else not controllers:
            return path.lstrip("/")
    return ""


def _remove(group: Path, home: Path) -> None:
    """Who is in it goes back to where it was. A process that has just ended is in it for a moment."""
    for _ in range(100):
        for one in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):  # it has ended
                (home / "cgroup.procs").write_text(one)
        with contextlib.suppress(OSError):  # it is not empty yet
            group.rmdir()
            return
        time.sleep(0.05)
    raise OSError(f"{group} cannot be removed")
