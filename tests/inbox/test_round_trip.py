"""D01: "Test connection" ends with letters that go out by SMTP and are watched for in the mailbox."""

from typing import Any

from tests.probes.stage import Stage, with_smtp
from tests.support.dovecot import Dovecot
from tests.support.smtp_sink import SmtpSink
from wherefrom.inbox.mailbox import test_mailbox as diagnose_mailbox
from wherefrom.services import Services
from wherefrom.substitution.store import list_targets
from wherefrom.substitution.target import Target


def stage_on(services: Services, sink: SmtpSink, dovecot: Dovecot, **settings: Any) -> Stage:
    return Stage(with_smtp(services, sink, **settings), sink, dovecot)


async def steps(stage: Stage) -> list[tuple[bool, str, str]]:
    """The probe steps."""
    found = await diagnose_mailbox(stage.services, 1, stage.mailbox_id)
    assert all(one.ok for one in found.steps if one.name != "probe"), found
    return [(one.ok, one.detail, one.hint) for one in found.steps if one.name == "probe"]


async def test_d01_each_target_s_probe_is_seen_to_come_back(
    services: Services, smtp_sink: SmtpSink, dovecot: Dovecot
) -> None:
    stage = stage_on(services, smtp_sink, dovecot)
    await stage.connect()
    plus, pool = await stage.add(), await stage.add("help", pool=2)
    (first, *rest) = await steps(stage)
    assert (first[0], len(rest)) == (True, 2)
    assert first[1].endswith("came back, into INBOX")
    assert first[1].startswith("A letter to sales+")
    assert await stage.proof(plus) == "proved", "what the test saw is lent at once"
    assert await stage.statuses(pool) == ["free", "free"]
    await stage.read()
    assert await stage.subjects() == []


async def test_d01_a_probe_that_does_not_come_back_is_told_with_what_to_do(
    services: Services, smtp_sink: SmtpSink, dovecot: Dovecot
) -> None:
    stage = stage_on(services, smtp_sink, dovecot, wait_seconds=10)
    await stage.connect()
    await stage.add(pool=2)
    stage.swallowed.add(f"sales-1@{stage.domain}")
    lost, back = await steps(stage)
    assert (lost[0], back[0]) == (False, True)
    assert lost[1] == f"A letter to sales-1@{stage.domain} has not come back within 10 s"
    assert "delivers it elsewhere" in lost[2]


async def test_d01_a_probe_in_the_junk_folder_is_found_there_and_said_so(
    services: Services, smtp_sink: SmtpSink, dovecot: Dovecot
) -> None:
    stage = stage_on(services, smtp_sink, dovecot)
    await stage.connect("\\Junk")
    await stage.add(pool=1)
    stage.folder_of[f"sales-1@{stage.domain}"] = "Junk"
    ((ok, detail, hint),) = await steps(stage)
    assert ok
    assert detail.endswith("into Junk")
    assert "taken for spam" in hint


async def test_d01_an_address_the_server_refuses_is_told_at_once(
    services: Services, smtp_sink: SmtpSink, dovecot: Dovecot
) -> None:
    stage = stage_on(services, smtp_sink, dovecot)
    await stage.connect()
    await stage.add(pool=1)
    smtp_sink.refuse(f"sales-1@{stage.domain}")
    ((ok, detail, hint),) = await steps(stage)
    assert not ok
    assert "550 “5.1.1 no such user”" in detail
    assert "set it up there" in hint


async def test_d01_an_outgoing_server_that_cannot_be_reached_fails_the_step_alone(
    services: Services, smtp_sink: SmtpSink, dovecot: Dovecot
) -> None:
    stage = stage_on(services, smtp_sink, dovecot, timeout_seconds=2)
    await stage.connect()
    await stage.add()
    smtp_sink.stop()
    ((ok, detail, hint),) = await steps(stage)
    assert not ok
    assert f"127.0.0.1:{smtp_sink.port} does not answer" in detail
    assert "smtp.host" in hint


async def test_d01_a_site_without_targets_has_nothing_to_send_to(
    services: Services, smtp_sink: SmtpSink, dovecot: Dovecot
) -> None:
    stage = stage_on(services, smtp_sink, dovecot)
    await stage.connect()
    ((ok, detail, _),) = await steps(stage)
    assert ok
    assert detail == "Not tried: the site has no address that is substituted"


async def test_d01_a_probe_that_lands_in_another_mailbox_of_the_site_names_it(
    services: Services, smtp_sink: SmtpSink, dovecot: Dovecot
) -> None:
    stage = stage_on(services, smtp_sink, dovecot, wait_seconds=3)
    other = stage_on(services, smtp_sink, dovecot)
    other_id = await other.connect()
    await stage.connect()
    await stage.add(pool=1)

    def deliver_elsewhere(recipient: str, raw: bytes, sender: str) -> None:
        dovecot.deliver(f"x@{other.domain}", raw, sender)

    smtp_sink.pass_on = deliver_elsewhere
    ((ok, _, _),) = await steps(stage)
    assert not ok, "nobody has read the other one yet"
    await other.read()
    assert [one.mailbox_id for one in await stage.probes(await _target(stage))] == [other_id]


async def _target(stage: Stage) -> Target:
    async with stage.services.db.read() as tx:
        return (await list_targets(tx, 1))[0]
