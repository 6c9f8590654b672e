"""Choosing a mailbox's folders on the setup page.

GET  …/mailboxes/{mailbox}/folders   asks the server which it has: a form with a box for each
POST …/mailboxes/{mailbox}/folders   what is ticked is read from now on
"""

from __future__ import annotations

from starlette.responses import Response

from wherefrom.console.checkup import FolderForm
from wherefrom.console.desk import Call
from wherefrom.console.page import is_fragment
from wherefrom.console.setup import Outcome, back_to_setup, setup_page
from wherefrom.errors import WherefromError
from wherefrom.inbox.mailbox import ChangeMailbox, change_mailbox
from wherefrom.inbox.server_folders import folder_choices, list_server_folders

_FIELD = "folder-"
_MOST = 50  # of a form's fields


async def show_folders(call: Call) -> Response:
    """The form; in words why the server could not be asked, where it could not."""
    mailbox_id = call.id("mailbox")
    try:
        found = await list_server_folders(call.services, call.site.id, mailbox_id)
        chosen_first = sorted(found, key=lambda one: not one.chosen)[:_MOST]
        form = FolderForm(mailbox_id, tuple(sorted(chosen_first, key=found.index)), len(found) - len(chosen_first))
    except WherefromError as problem:
        form = FolderForm(mailbox_id, (), 0, problem)
    if is_fragment(call.request):
        return call.desk.pages.show("folders.html", form=form, site=call.site, csrf_token=call.reader.csrf_token)
    return await setup_page(call, Outcome("folders", folders=form))


async def set_folders_form(call: Call) -> Response:
    """Reads the folders that are ticked; those no longer ticked are left alone, and their letters stay."""
    mailbox_id = call.id("mailbox")
    names = [value for name, value in call.fields.items() if name.startswith(_FIELD)]
    try:
        await change_mailbox(call.services, call.site.id, mailbox_id, ChangeMailbox(folders=folder_choices(names)))
    except WherefromError as problem:
        form = FolderForm(mailbox_id, (), 0, problem)
        return await setup_page(call, Outcome("folders", problem, folders=form))
    return back_to_setup(call, "#mailboxes")
