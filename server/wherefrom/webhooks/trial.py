"""Trying an endpoint out: a sample is signed and posted at once, and everything is told of what went and what came.

It goes through the same guarded client as letters do, and is neither kept nor tried again; a paused or disabled
endpoint can be tried too. Whoever takes the sample knows it by the header ``wherefrom-test``.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Literal

import msgspec

from wherefrom.errors import SettingsError
from wherefrom.events.snapshots import Contact, Match, Message, MessageReceived, SendClicked, TestPing, Utm, Visit
from wherefrom.services import Services
from wherefrom.webhooks import deal
from wherefrom.webhooks.advice import advise
from wherefrom.webhooks.answer import Answer
from wherefrom.webhooks.endpoint import Endpoint, choose_events
from wherefrom.webhooks.lead import sequence_headers
from wherefrom.webhooks.payload import Lead, render_ping, render_roistat, render_standard
from wherefrom.webhooks.signature import sign_headers, webhook_id
from wherefrom.webhooks.store import endpoints

Sample = Literal["ping", "letter", "click"]

_NOTE = "This is a test from Wherefrom, no letter. Answer 2xx when you have checked its signature."
_LEAD = Lead("test", 1)


class TryEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``sample``: "ping" says nothing but that it is a test; "letter" has the shape of a real letter with made-up
    values, so that a CRM makes a lead of it and its deal number can be seen; "click" is a ``send.clicked``, of format
    standard alone."""

    sample: Sample = "ping"


class Trial(msgspec.Struct, frozen=True):
    """What was posted and what came back. ``words``: what went wrong, ``hint``: what to do; both "" when it was
    accepted without remark. ``deal``: what would be kept of this answer."""

    url: str
    body: bytes
    answer: Answer
    milliseconds: int
    words: str
    hint: str
    deal: deal.AnsweredDeal | None


async def try_endpoint(services: Services, site_id: int, endpoint_id: int, sample: Sample) -> Trial:
    """Posts a sample now, once; NotFound when the site has no such endpoint."""
    from wherefrom.webhooks.post import post  # late: see webhooks.client

    now = services.clock.now()
    async with services.db.read() as tx:
        one = await endpoints.get_endpoint(tx, site_id, endpoint_id)
        sealed = await endpoints.get_secrets(tx, site_id, endpoint_id, now)
    body = _render(one, sample, now)
    began = time.monotonic()
    try:
        secrets = [services.tokens.decrypt(text) for text in (sealed.current, sealed.previous) if text is not None]
        headers = sign_headers(secrets, webhook_id(services.ids.next()), now, body) | {"wherefrom-test": sample}
        if sample != "ping":
            headers |= sequence_headers(_LEAD.id, _LEAD.sequence)
        answer = await post(services.http(), one.url, headers, body, services.settings.webhooks.timeout_seconds)
    except SettingsError as error:
        answer = Answer(None, f"not sent, it cannot be signed: {error}", fault="unsigned")
    return Trial(
        url=one.url,
        body=body,
        answer=answer,
        milliseconds=round((time.monotonic() - began) * 1000),
        words=answer.error,
        hint=advise(answer),
        deal=deal.find_deal(answer.body, one.deal_path) if answer.accepted and sample == "letter" else None,
    )


def _render(one: Endpoint, sample: Sample, now: datetime) -> bytes:
    if sample == "ping":
        return render_ping(one.format, now, TestPing(endpoint_id=str(one.id), note=_NOTE))
    if sample == "click":
        return render_standard("send.clicked", now, _sample_click(one, now), str, _LEAD)
    letter = sample_letter(now)
    if one.format == "roistat":
        return render_roistat(letter, str, one.attachments)
    return render_standard("message.received", now, letter, str, _LEAD)


def _sample_click(one: Endpoint, now: datetime) -> SendClicked:
    """A click that nobody made; BadInput for a format that has no names for it."""
    choose_events(["send.clicked"], one.format)
    return SendClicked(
        send_id="0",
        reference="",
        subject="Test from Wherefrom",
        list="",
        contact_id="0",
        email="test@example.com",
        contact_reference="",
        clicked_at=now,
        url="https://example.com/",
    )


def sample_letter(now: datetime) -> MessageReceived:
    """A letter that nobody wrote; its ids are 0 and its texts say what it is."""
    message = Message(
        id="0",
        email_id="0",
        subject="Test from Wherefrom",
        text="This is a sample, no letter: somebody is trying this webhook out.",
        from_address="test@example.com",
        from_name="Wherefrom test",
        to_address="sales+test@example.com",
        recipients=["sales+test@example.com"],
        received_at=now,
        written_at=now,
        message_id="<test@wherefrom.example>",
        folder_kind="inbox",
        automatic="",
        first_of_thread=True,
        attachments=[],
    )
    match = Match(rule="code", confidence=1.0, reason="a sample: nothing was matched")
    contact = Contact(id="0", email="test@example.com", name="Wherefrom test", reference="", send_id=None, by="sender")
    return MessageReceived(message=message, match=match, visit=_sample_visit(now), contact=contact)


def _sample_visit(now: datetime) -> Visit:
    return Visit(
        id="0",
        first_visit="0",
        started_at=now,
        landing_page="https://example.com/",
        referrer="",
        domain="example.com",
        marker="test",
        channel="direct",
        source_levels=["test"],
        utm=Utm(),
        country=None,
        country_code=None,
        region=None,
        city=None,
        ip=None,
        device=None,
        os=None,
        browser=None,
        language=None,
        timezone=None,
        google_client_id=None,
        ym_uid=None,
        params={},
    )
