"""The whole way on a real mail server: a bounce arrives, the send has failed, mail ends, and a person lets it go on."""

from __future__ import annotations

from typing import Any

from tests.bounces.desk import Desk
from tests.bounces.forms import ORIGINAL, dsn, recipient
from tests.outbound.stage import Stage
from tests.support.dovecot import Dovecot
from tests.support.management import management_api
from wherefrom.app import TAKERS
from wherefrom.bounces.api import OPERATIONS as BOUNCES
from wherefrom.inbox.api import OPERATIONS as INBOX
from wherefrom.inbox.mailbox import AddMailbox, add_mailbox
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.sync import sync_once
from wherefrom.outbound.api import OPERATIONS as SENDS
from wherefrom.outbound.return_path import return_path
from wherefrom.outbound.suppression_api import OPERATIONS as SUPPRESSIONS
from wherefrom.tracking.marks import Mark

SITE = "/sites/shop"
LETTER: dict[str, Any] = {"contact": {"email": "ann@mail.example"}, "subject": "Your offer", "html": "<p>Hello</p>"}


async def read_mail(stage: Stage, mailbox_id: int) -> None:
    """What the mail server has is fetched and sorted."""
    await sync_once(stage.services, stage.site_id, mailbox_id)
    sorting = Sorting(stage.services, TAKERS)
    while await sorting.step():
        pass


async def test_a_bounce_in_the_mailbox_ends_mail_until_a_person_lets_it_go_on(desk: Desk, dovecot: Dovecot) -> None:
    stage = desk.stage
    account = dovecot.add_user(catchall_domain=f"firm{stage.site_id}.example")
    wanted = AddMailbox(
        host="127.0.0.1", port=dovecot.imap_port, security="none", username=account.user, password=account.password
    )
    mailbox_id = (await add_mailbox(stage.services, stage.site_id, wanted)).id
    await read_mail(stage, mailbox_id)
    operations = (*SENDS, *SUPPRESSIONS, *BOUNCES, *INBOX)
    async with management_api(stage.services, operations, str(stage.site_id)) as api:
        made = (await api.post(f"{SITE}/sends", json=LETTER)).json()
        path = return_path(
            stage.services.tokens, f"bounce@firm{stage.site_id}.example", Mark(stage.site_id, int(made["send"]["id"]))
        )
        back = dsn(
            recipient("5.1.1", "smtp; 550 5.1.1 nobody of that name"), returned=ORIGINAL.replace("<{path}>", "<>")
        )
        raw = back.replace("{path}", path).replace("{to}", "ann@mail.example").replace("{leave}", "https://x.example")
        dovecot.deliver(path.upper(), raw.encode(), "")
        await read_mail(stage, mailbox_id)

        (bounce,) = (await api.get(f"{SITE}/bounces", params={"email": "ann@mail.example"})).json()["data"]
        assert (bounce["weight"], bounce["proof"], bounce["ended"]) == ("hard", "return-path", True)
        told = (await api.get(f"{SITE}/sends/{made['send']['id']}")).json()
        assert told["send"]["status"] == "failed"
        assert "nobody of that name" in told["notices"][0]["detail"]
        refused = await api.post(f"{SITE}/sends", json=LETTER)
        assert (refused.status_code, refused.json()["reason"]) == (422, "bounced")
        assert "takes no mail" in refused.json()["detail"]
        assert (await api.get(f"{SITE}/messages")).json()["data"] == []
        raw_letter = await api.get(f"{SITE}/messages/{bounce['message_id']}/raw")
        assert b"nobody of that name" in raw_letter.content

        undone = await api.post(f"{SITE}/suppressions/{refused.json()['suppression']}/undo")
        assert (undone.json()["reason"], undone.json()["undone_by"]) == ("bounced", "key 1")
        assert (await api.post(f"{SITE}/sends", json=LETTER)).status_code == 201
        changes = (await api.get(f"{SITE}/suppressions/changes")).json()["data"]
        assert [(one["what"], one["by"]) for one in changes] == [("undone", "key 1"), ("made", "mailbox")]
