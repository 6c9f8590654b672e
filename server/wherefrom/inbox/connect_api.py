"""The management API of mailboxes that are connected by signing in at their provider.

POST …/mailboxes/connect ─▶ url, state      the owner opens the URL in a browser and agrees
POST …/mailboxes/connect/complete           with the state, and the code or the whole address the browser ended at
"""

from __future__ import annotations

from wherefrom.grants.api import CompleteSignIn, SignInView, holder_of, read_back, sign_in_view
from wherefrom.inbox.api import refuse_file
from wherefrom.inbox.connect import ConnectMailbox, begin, complete
from wherefrom.inbox.views import MailboxView, mailbox_view
from wherefrom.web.api import Call, Operation


async def _begin(call: Call) -> SignInView:
    refuse_file(call)
    return sign_in_view(await begin(call.services, call.site_id, holder_of(call), call.body))


async def _complete(call: Call) -> MailboxView:
    state, back = read_back(call.body, call.site_id)
    return mailbox_view(await complete(call.services, holder_of(call), state, back))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/sites/{site}/mailboxes/connect", "Begin to connect a mailbox by signing in at its provider", _begin,
        body=ConnectMailbox, answer=SignInView, status=201, tag="mailboxes",
    ),
    Operation(
        "POST", "/sites/{site}/mailboxes/connect/complete", "Complete a sign-in with the code it brought", _complete,
        body=CompleteSignIn, answer=MailboxView, status=201, tag="mailboxes",
    ),
)  # fmt: skip
