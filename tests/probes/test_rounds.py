"""B08: a substitute is lent only after a letter to it has really come back, and no longer when none does."""

import asyncio
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage

import httpx
import pytest

from tests.inbox.letters import letter
from tests.probes.stage import HOUR, SENDER, Stage, with_smtp
from tests.support.management import management_api
from tests.support.smtp_sink import SmtpSink
from wherefrom.errors import Conflict
from wherefrom.probes.api import OPERATIONS
from wherefrom.probes.rounds import Rounds, forget_old, probe_target
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.substitution.add import add_substitutes, add_target, retire_substitute, set_target
from wherefrom.substitution.store.substitutes import list_substitutes
from wherefrom.substitution.target import Options

DAY = timedelta(days=1)


async def test_b08_an_address_of_a_pool_is_lent_once_its_probe_has_come_back_by_imap(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add(pool=2)
    assert await stage.statuses(target) == ["unverified", "unverified"]
    assert await stage.shown(target) is None
    await stage.round()
    assert {one.recipients for one in stage.sink.letters} == {
        (f"sales-{number}@{stage.domain}",) for number in (1, 2)
    }  # fmt: skip
    assert await stage.shown(target) is None, "sent is not back"
    await stage.read()
    assert await stage.statuses(target) == ["free", "free"]
    assert await stage.shown(target) == f"sales-1@{stage.domain}"
    assert [(one.status, one.detail) for one in await stage.probes(target)] == [
        ("returned", "arrived in the inbox")
    ] * 2  # fmt: skip


@pytest.mark.parametrize("options", [{"separator": "+"}, {"strategy": "catchall", "domain": ""}])
async def test_b08_a_pattern_is_lent_once_a_code_made_by_it_has_come_back(
    stage: Stage, options: dict[str, str]
) -> None:
    await stage.connect()
    target = await stage.add(**options | ({"domain": stage.domain} if "domain" in options else {}))
    assert (await stage.proof(target), await stage.shown(target)) == ("waiting", None)
    await stage.round()
    (sent,) = stage.sink.letters
    await stage.read()
    shown = await stage.shown(target)
    assert await stage.proof(target) == "proved"
    assert shown is not None
    assert sent.recipients != (target.address,)
    assert len(sent.recipients[0]) == len(shown), "the probe went to an address of the same make"


async def test_a_probe_in_junk_proves_the_address_and_says_where_it_was(stage: Stage) -> None:
    await stage.connect("Junk")
    target = await stage.add(pool=1)
    stage.folder_of[f"sales-1@{stage.domain}"] = "Junk"
    await stage.round()
    await stage.read()
    assert await stage.statuses(target) == ["free"]
    assert [one.detail for one in await stage.probes(target)] == ["arrived in Junk"]


async def test_d09_probes_and_answers_to_them_are_in_no_history(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add(pool=1)
    await stage.round()
    (probe,) = stage.sink.letters
    bounce = EmailMessage()
    bounce["From"], bounce["To"], bounce["Subject"] = "MAILER-DAEMON@mx.example", SENDER, "Undelivered"
    bounce["Auto-Submitted"] = "auto-replied"
    bounce.set_content("No such user.")
    bounce.add_attachment(message_from_bytes(probe.raw))
    stage.dovecot.deliver(f"x@{stage.domain}", bounce.as_bytes(), "")
    stage.dovecot.deliver(f"x@{stage.domain}", letter(subject="A person"), "a@customer.example")
    await stage.read()
    assert await stage.subjects() == ["A person"]
    assert await stage.statuses(target) == ["free"], "the probe itself came too"


async def test_a_bounce_of_a_probe_is_told_with_the_probe(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add(pool=1)
    stage.swallowed.add(f"sales-1@{stage.domain}")
    await stage.round()
    (probe,) = stage.sink.letters
    report = (
        "From: MAILER-DAEMON@mx.example\nTo: probes@elsewhere.example\nSubject: Delivery failed\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nNobody of that name.\n"
        "--b\nContent-Type: message/rfc822\n\n" + probe.raw.decode() + "\n--b--\n"
    )
    stage.dovecot.deliver(f"x@{stage.domain}", report.encode(), "")
    await stage.read()
    assert [(one.status, one.detail) for one in await stage.probes(target)] == [
        ("refused", "it bounced: Delivery failed")
    ]  # fmt: skip
    assert await stage.statuses(target) == ["unverified"]


async def test_a_forged_probe_proves_nothing_and_a_copied_one_is_a_person_s_letter(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add(pool=1)
    stage.swallowed.add(f"sales-1@{stage.domain}")
    await stage.round()
    (probe,) = stage.sink.letters
    forged = probe.raw.replace(b"probe:", b"probe:A").replace(b".probe@", b"x.probe@")
    stage.dovecot.deliver(f"x@{stage.domain}", forged, SENDER)
    copied = letter(subject="What is this?", text=probe.raw.decode(), sender=f"Eve <eve@{stage.domain}>")
    stage.dovecot.deliver(f"x@{stage.domain}", copied, "eve@evil.example")
    await stage.read()
    assert await stage.statuses(target) == ["unverified"]
    assert [one.status for one in await stage.probes(target)] == ["sent"]
    assert "What is this?" in await stage.subjects()


async def test_a_proved_address_is_proved_anew_every_day(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add()
    await stage.round()
    await stage.read()
    stage.clock.advance(DAY - HOUR)
    await stage.round()
    assert len(await stage.probes(target)) == 1
    stage.clock.advance(HOUR)
    await stage.round()
    assert len(await stage.probes(target)) == 2


async def test_an_address_whose_mail_stops_arriving_is_lent_no_longer(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add(pool=2)
    await stage.round()
    await stage.read()
    stage.swallowed.add(f"sales-1@{stage.domain}")
    for waited in (DAY, HOUR):
        stage.clock.advance(waited)
        await stage.round()
        await stage.read()
    assert await stage.statuses(target) == ["free", "free"], "one lost letter is no proof of a dead address"
    stage.clock.advance(3 * HOUR)
    await stage.round()
    assert (await stage.statuses(target))[0] == "unverified"
    assert (await stage.statuses(target))[1] == "free"
    stage.swallowed.clear()
    for _ in range(3):
        stage.clock.advance(9 * HOUR)
        await stage.round()
        await stage.read()
    assert await stage.statuses(target) == ["free", "free"], "it is asked again, and lent when mail arrives again"


async def test_no_address_is_blamed_when_nothing_at_all_comes_back(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add(pool=2)
    await stage.round()
    await stage.read()
    stage.swallowed |= {f"sales-{number}@{stage.domain}" for number in (1, 2)}
    for _ in range(6):
        stage.clock.advance(DAY + 3 * HOUR)
        await stage.round()
        await stage.read()
    assert await stage.statuses(target) == ["free", "free"]
    assert [one.status for one in await stage.probes(target)][2:-2] == ["lost"] * 10


async def test_a_late_probe_counts_after_it_was_given_up(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add(pool=1)
    stage.swallowed.add(f"sales-1@{stage.domain}")
    await stage.round()
    (late,) = stage.sink.letters
    stage.clock.advance(2 * HOUR)
    await stage.round()
    assert [one.status for one in await stage.probes(target)] == ["lost", "sent"]
    stage.dovecot.deliver(f"sales-1@{stage.domain}", late.raw, SENDER)
    await stage.read()
    assert [one.status for one in await stage.probes(target)] == ["returned", "sent"]
    assert await stage.statuses(target) == ["free"]


async def test_an_address_the_mail_server_refuses_stays_back_with_the_server_s_words(stage: Stage) -> None:
    target = await stage.add(pool=1)
    stage.sink.refuse(f"sales-1@{stage.domain}", "550 5.1.1 nobody here")
    await stage.round()
    (probe,) = await stage.probes(target)
    assert probe.status == "refused"
    assert "550 “5.1.1 nobody here”" in probe.detail
    assert await stage.statuses(target) == ["unverified"]


async def test_a_refusal_for_the_moment_is_tried_again_soon(stage: Stage) -> None:
    target = await stage.add(pool=1)
    stage.sink.refuse(f"sales-1@{stage.domain}", "451 4.7.1 greylisted, come back")
    await stage.round()
    assert [one.status for one in await stage.probes(target)] == ["unsent"]
    stage.sink.refuse(f"sales-1@{stage.domain}", "")
    stage.clock.advance(timedelta(minutes=5))
    await stage.round()
    assert [one.status for one in await stage.probes(target)] == ["unsent", "sent"]


async def test_an_outgoing_server_that_is_down_is_no_address_s_fault(stage: Stage) -> None:
    target = await stage.add(pool=3)
    stage.sink.stop()
    await stage.round()
    found = await stage.probes(target)
    assert [one.status for one in found] == ["unsent"] * 3
    assert "does not answer" in found[0].detail
    stage.sink.start()
    stage.clock.advance(timedelta(minutes=5))
    await stage.round()
    assert len(stage.sink.letters) == 3


async def test_without_an_outgoing_server_addresses_are_lent_unproved(services: Services, smtp_sink: SmtpSink) -> None:
    plain = await add_target(services, 1, "sales@company.example", Options(strategy="pool"), "a@company.example")
    asked = with_smtp(services, smtp_sink)
    more = await add_substitutes(asked, 1, plain.id, "b@company.example")
    assert more[0].status == "unverified"
    coded = await add_target(asked, 1, "help@company.example", Options())
    assert coded.proof == "waiting"
    assert await Rounds(services).step() is False
    async with services.db.read() as tx:
        assert {one.status.value for one in await list_substitutes(tx, 1, plain.id)} == {"free"}
    with pytest.raises(Conflict, match="no outgoing mail server is set") as caught:
        await probe_target(services, 1, plain.id)
    assert "[smtp]" in caught.value.hint


async def test_another_pattern_needs_another_proof_and_on_or_off_does_not(stage: Stage) -> None:
    await stage.connect()
    target = await stage.add()
    await stage.round()
    await stage.read()
    await set_target(stage.services, 1, target.id, Options(), enabled=False)
    await set_target(stage.services, 1, target.id, Options(), enabled=True)
    assert await stage.proof(target) == "proved"
    await set_target(stage.services, 1, target.id, Options(separator="-"))
    assert await stage.proof(target) == "waiting"
    await stage.round()
    await stage.read()
    assert await stage.proof(target) == "proved"


async def test_what_is_retired_or_switched_off_is_not_probed(stage: Stage) -> None:
    target = await stage.add(pool=2)
    off = await stage.add("off")
    async with stage.services.db.read() as tx:
        first, _ = await list_substitutes(tx, 1, target.id)
    await retire_substitute(stage.services, 1, target.id, first.id)
    await set_target(stage.services, 1, off.id, Options(), enabled=False)
    await stage.round()
    assert [one.recipients for one in stage.sink.letters] == [(f"sales-2@{stage.domain}",)]


async def test_two_processes_send_each_probe_once(stage: Stage) -> None:
    await stage.add(pool=10)
    await asyncio.gather(*(Rounds(stage.services).step() for _ in range(4)))
    assert sorted(one.recipients[0] for one in stage.sink.letters) == sorted(
        f"sales-{number}@{stage.domain}" for number in range(1, 11)
    )


async def test_old_probes_are_forgotten_but_for_each_address_s_latest(stage: Stage) -> None:
    target = await stage.add(pool=1)
    for _ in range(3):
        await stage.round()
        stage.clock.advance(2 * DAY)
    await stage.round()
    stage.clock.advance(100 * DAY)
    assert await forget_old(stage.services) == 3
    assert len(await stage.probes(target)) == 1


async def test_probes_are_sent_and_listed_by_the_api(stage: Stage) -> None:
    site = await add_site(stage.services, "shop", ["company.example"])
    target = await add_target(
        stage.services,
        site.id,
        f"help@{stage.domain}",
        Options(strategy="pool"),
        f"h1@{stage.domain}\nh2@{stage.domain}",
    )
    path = f"/sites/shop/targets/{target.id}/probes"
    async with management_api(stage.services, OPERATIONS) as api:
        sent = await api.post(path)
        assert sent.status_code == 202
        assert [(one["address"], one["status"]) for one in sent.json()["data"]] == [
            (f"h1@{stage.domain}", "sent"), (f"h2@{stage.domain}", "sent"),
        ]  # fmt: skip
        page = (await api.get(path, params={"limit": 1})).json()
        rest = (await api.get(path, params={"cursor": page["next_cursor"]})).json()
        assert [one["address"] for one in (*page["data"], *rest["data"])] == [
            f"h2@{stage.domain}",
            f"h1@{stage.domain}",
        ]
        assert rest["next_cursor"] is None
        await _refuses(api, path)


async def _refuses(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(path, params={"cursor": "x"})).status_code == 400
    assert (await api.post("/sites/shop/targets/1/probes")).status_code == 404
    assert (await api.get("/sites/shop/targets/1/probes")).status_code == 404
