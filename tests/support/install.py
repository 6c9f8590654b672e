"""Brings the servers the tests need: `python -m tests.support.install`.

As root on Debian or Ubuntu it installs what is missing; elsewhere it says what to install and leaves the machine alone.
Ends with 1 when something is still missing and the environment says `CI=true`; otherwise the tests that need it are
skipped, and the run says so.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from tests.support.components import COMPONENTS, Component


def main() -> int:
    """The exit status."""
    missing = find_missing()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        install(missing)
        missing = find_missing()
    for component in missing:
        print(f"{component.name} {component.find_obstacle()}: {component.remedy}", file=sys.stderr)
    return 1 if missing and os.environ.get("CI") == "true" else 0


def find_missing() -> list[Component]:
    """Those that cannot be run here."""
    return [component for component in COMPONENTS if component.find_obstacle() is not None]


def install(components: Sequence[Component]) -> None:
    """Installs Debian's packages of `components`; whether that worked is seen by looking for the programs.

    Not by apt's exit status: a machine may forbid packages to start their daemons, and apt may call that a failure,
    while the tests start their own servers and need the programs alone.
    """
    packages = [package for component in components for package in component.packages.split()]
    print(f"installing {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"apt-get {arguments[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
