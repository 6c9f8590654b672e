"""Old mail on the setup page: how far it is read, and the button that sends it to the webhooks.

GET  …/mailboxes/{mailbox}/old        what the page asks for every two seconds while old mail is read
POST …/mailboxes/{mailbox}/send-old   tells the webhooks of it
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from wherefrom.console import checkup
from wherefrom.console.desk import Call
from wherefrom.db import Tx
from wherefrom.inbox.old_mail import tell_old_mail
from wherefrom.inbox.store import old_mail
from wherefrom.inbox.store.mailboxes import Mailbox, get_mailbox


async def read_line(tx: Tx, one: Mailbox) -> checkup.MailLine:
    """A mailbox's line, with how many old letters no webhook was told of."""
    tellable = 0
    if any(folder.since != "new" for folder in one.folders):
        tellable, _ = await old_mail.count_old(tx, one.site_id, one.id)
    return checkup.mailbox_line(one, tellable)


async def show_old_mail(call: Call) -> Response:
    """The part of a mailbox's line that changes while old mail is read."""
    async with call.services.db.read() as tx:
        line = await read_line(tx, await get_mailbox(tx, call.site.id, call.id("mailbox")))
    return call.desk.pages.show("old_mail.html", one=line, site=call.site, csrf_token=call.reader.csrf_token)


async def send_old_form(call: Call) -> Response:
    """Tells the webhooks of the mailbox's old letters, each once."""
    done = await tell_old_mail(call.services, call.site.id, call.id("mailbox"))
    return RedirectResponse(f"/sites/{call.site.id}/setup?told={done.told}#mailboxes", 303)
