"""The bodies: the flat one of 29 names (F01) and the standard one (F02)."""

import json
from datetime import UTC, datetime

import pytest

from tests.webhooks.conftest import ATTACHMENT, letter, message, visit
from wherefrom.events.snapshots import MessageReceived, TestPing, Utm, WebhookDisabled
from wherefrom.webhooks.payload import render_ping, render_roistat, render_standard

NAMES = [
    *("id", "email_id", "visit_id", "subject", "text", "email_from", "email_to", "attachments"),
    *("referrer", "marker", "city", "country", "ip", "first_visit", "domain", "landing_page"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("roistat_param_1", "roistat_param_2", "roistat_param_3", "roistat_param_4", "roistat_param_5"),
    *("google_client_id", "source_level_1", "source_level_2"),
]
AT = datetime(2026, 11, 2, 9, 0, 1, 250_000, tzinfo=UTC)


def link(number: int) -> str:
    return f"https://here.example/a/{number}"


def test_the_flat_body_is_the_published_example_to_the_letter():
    assert json.loads(render_roistat(letter(), link)) == {
        "id": "111", "email_id": "222", "visit_id": "123456", "subject": "Re: Test", "text": "Test message",
        "email_from": "email_1@mail.com", "email_to": "email+123456@mail.com", "attachments": [], "referrer": "fb.com",
        "marker": "fb_new", "city": "New York", "country": "USA", "ip": "161.185.160.93", "first_visit": "1001",
        "domain": "test.com", "landing_page": "test.com/new", "utm_source": None, "utm_medium": None,
        "utm_campaign": None, "utm_term": None, "utm_content": None, "roistat_param_1": None, "roistat_param_2": None,
        "roistat_param_3": None, "roistat_param_4": None, "roistat_param_5": None, "google_client_id": None,
        "source_level_1": "fb", "source_level_2": "new",
    }  # fmt: skip


def test_the_flat_body_of_a_letter_without_a_visit_has_all_names_and_nulls():
    body = json.loads(render_roistat(letter(matched=False), link))
    assert list(body) == NAMES
    assert {name for name in NAMES if body[name] is not None} == set(NAMES[:2] + NAMES[3:8])


def test_the_flat_body_carries_tags_parameters_and_levels_and_no_thirtieth_name():
    rich = visit(
        utm=Utm(source="g", medium="cpc", campaign="c_1", term="t", content="x"),
        params={str(number): f"p{number}" for number in range(1, 51)},
        source_levels=["a", "b", "c"],
        google_client_id="1.2",
    )
    body = json.loads(render_roistat(MessageReceived(message=message(), match=None, visit=rich), link))
    assert list(body) == NAMES
    assert [body[f"utm_{name}"] for name in ("source", "medium", "campaign", "term", "content")] == [
        "g", "cpc", "c_1", "t", "x",
    ]  # fmt: skip
    assert [body[f"roistat_param_{number}"] for number in range(1, 6)] == ["p1", "p2", "p3", "p4", "p5"]
    assert (body["source_level_1"], body["source_level_2"], body["google_client_id"]) == ("a", "b", "1.2")


def test_what_is_empty_about_the_visit_is_null_and_text_stays_text():
    bare = MessageReceived(
        message=message(subject="", text=""),
        match=None,
        visit=visit(referrer="", marker="", city=None, source_levels=[], params={"2": ""}),
    )
    body = json.loads(render_roistat(bare, link))
    assert [body[name] for name in ("referrer", "marker", "city", "source_level_1", "roistat_param_2")] == [None] * 5
    assert (body["subject"], body["text"]) == ("", "")


def test_attachments_are_objects_or_plain_urls():
    one = letter(attachments=[ATTACHMENT])
    assert json.loads(render_roistat(one, link))["attachments"] == [
        {"name": "plan.pdf", "size": 2048, "content_type": "application/pdf", "url": link(1)}
    ]
    assert json.loads(render_roistat(one, link, "urls"))["attachments"] == [link(1)]


def test_the_standard_body_is_the_whole_snapshot_in_its_envelope():
    body = json.loads(render_standard("message.received", AT, letter(attachments=[ATTACHMENT]), link))
    assert (body["type"], body["timestamp"]) == ("message.received", "2026-11-02T09:00:01.250000Z")
    data = body["data"]
    assert (data["message"]["id"], data["visit"]["id"], data["match"]["confidence"]) == ("111", "123456", 1.0)
    assert data["message"]["received_at"] == "2026-11-02T09:00:01Z"
    assert data["message"]["attachments"] == [
        {"n": 1, "name": "plan.pdf", "size": 2048, "content_type": "application/pdf", "url": link(1)}
    ]


def test_other_events_have_no_attachments_to_link():
    told = WebhookDisabled(endpoint_id="7", url="https://crm.example/", status="gone", reason="410")
    body = json.loads(render_standard("webhook.disabled", AT, told, link))
    assert body["data"] == {"endpoint_id": "7", "url": "https://crm.example/", "status": "gone", "reason": "410"}


@pytest.mark.parametrize("subject", ["Здравствуйте", "نص", "\x00\x1f", "a\u2028b", '"\\', "😀"])
def test_any_text_comes_out_as_it_went_in(subject):
    told = letter(subject=subject)
    assert json.loads(render_roistat(told, link))["subject"] == subject
    assert json.loads(render_standard("message.received", AT, told, link))["data"]["message"]["subject"] == subject


def test_a_ping_has_the_form_the_endpoint_expects():
    ping = TestPing(endpoint_id="7", note="a test")
    assert list(json.loads(render_ping("roistat", AT, ping))) == NAMES
    assert json.loads(render_ping("standard", AT, ping))["data"] == {"endpoint_id": "7", "note": "a test"}
