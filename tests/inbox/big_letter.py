"""A service of its own that takes one large letter in, and tells how much memory that took.

    python -m tests.inbox.big_letter SETTINGS PORT USER PASSWORD

Says "ready" when it has seen the empty mailbox, waits for a line, reads, and prints what it has as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from sqlalchemy import select

from tests.inbox.rows import Rows
from wherefrom.app import TAKERS, open_services
from wherefrom.db.migrate import upgrade
from wherefrom.inbox.mailbox import AddMailbox, FolderChoice, add_mailbox
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.sync import sync_once
from wherefrom.inbox.tables import attachment, message
from wherefrom.settings import load_settings


async def main(settings_file: str, port: str, user: str, password: str) -> None:
    settings = load_settings(Path(settings_file), {})
    await upgrade(settings.database.url)
    async with open_services(settings) as services:
        await Rows(services).site()
        account = AddMailbox(
            host="127.0.0.1", port=int(port), security="none", username=user, password=password,
            folders=(FolderChoice(name="INBOX"),),
        )  # fmt: skip
        mailbox = await add_mailbox(services, 1, account)
        await sync_once(services, 1, mailbox.id)
        print("ready", flush=True)
        sys.stdin.readline()
        await sync_once(services, 1, mailbox.id)
        fetched = peak_megabytes()
        while await Sorting(services, TAKERS).step():
            pass
        async with services.db.read() as tx:
            (row,) = (await tx.execute(select(message))).all()
            files = (await tx.execute(select(attachment).order_by(attachment.c.number))).all()
    told = {
        "status": row.status, "reason": row.status_reason, "truncated": row.truncated, "size": row.size,
        "sha256": row.sha256, "text": row.text, "files": [[one.name, one.size, one.sha256] for one in files],
        "fetched_megabytes": fetched, "megabytes": peak_megabytes(),
    }  # fmt: skip
    print(json.dumps(told))


def peak_megabytes() -> int:
    """The most memory this process ever had. Not ``ru_maxrss``, which begins with that of whoever started it."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
