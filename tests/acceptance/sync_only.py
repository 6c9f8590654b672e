"""The service as it is in the moment between storing a letter and matching it: only the mailboxes are watched.

Run as a process, so that it can be killed there: ``python -m tests.acceptance.sync_only SETTINGS``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from wherefrom.app import background, open_services
from wherefrom.settings import load_settings
from wherefrom.supervise import Supervisor


async def main() -> None:
    async with open_services(load_settings(Path(sys.argv[1]))) as services:
        watching = [one for one in background(services) if one.name == "mailboxes"]
        assert len(watching) == 1
        await Supervisor(watching, services.bell, services.clock).run(asyncio.Event())


asyncio.run(main())
