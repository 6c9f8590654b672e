"""Trying an endpoint out: everything is shown of what went and what came, with words for every failure."""

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from tests.support.certificates import make_certificates
from tests.support.receiver import Receiver
from tests.webhooks.conftest import SITE, Changing, listen
from tests.webhooks.test_api import add
from tests.webhooks.test_api import api as api  # the fixture
from wherefrom.errors import NotFound
from wherefrom.services import Services
from wherefrom.tokens import Tokens
from wherefrom.webhooks.advice import advise
from wherefrom.webhooks.answer import Answer
from wherefrom.webhooks.change import ChangeEndpoint, ChangeSecret, change_endpoint, change_secret
from wherefrom.webhooks.tables import attempt, deal, delivery
from wherefrom.webhooks.trial import try_endpoint


@pytest.mark.parametrize("form", ["standard", "roistat"])
async def test_a_sample_is_posted_at_once_signed_and_shown_as_it_went(
    api: httpx.AsyncClient, receiver: Receiver, form: str
):
    made = await add(api, receiver.url + "/hook", format=form)
    receiver.answer(201, {"deal": {"id": "D-1"}}, {"X-Seen": "yes"})
    answer = await api.post(f"/endpoints/{made['id']}/test")
    [request] = receiver.requests
    shown = answer.json()
    assert (answer.status_code, shown["ok"], shown["words"], shown["hint"]) == (200, True, "", "")
    body = Webhook(made["secret"]).verify(request.body, dict(request.headers))
    assert body.get("type", body.get("subject")) in ("test.ping", "Test from Wherefrom")
    assert (shown["request"]["url"], shown["request"]["body"].encode()) == (receiver.url + "/hook", request.body)
    told = {one["name"].lower(): one["value"] for one in shown["request"]["headers"]}
    assert told == dict(request.headers)
    assert told["wherefrom-test"] == "ping"
    assert (shown["answer"]["status_code"], shown["answer"]["body"]) == (201, '{"deal":{"id":"D-1"}}')
    assert {"name": "x-seen", "value": "yes"} in [
        {"name": one["name"].lower(), "value": one["value"]} for one in shown["answer"]["headers"]
    ]
    assert shown["deal_number"] is None  # a ping makes no deal


@pytest.mark.parametrize("form", ["standard", "roistat"])
async def test_a_sample_letter_has_the_shape_of_a_letter_and_shows_which_deal_number_would_be_kept(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, form: str
):
    made = await add(api, receiver.url, format=form, deal_path="result.id")
    receiver.answer(200, {"result": {"id": 77}})
    shown = (await api.post(f"/endpoints/{made['id']}/test", json={"sample": "letter"})).json()
    assert (shown["ok"], shown["deal_number"]) == (True, "77")
    body = json.loads(receiver.requests[0].body)
    if form == "roistat":
        assert (len(body), body["subject"], body["marker"]) == (29, "Test from Wherefrom", "test")
    else:
        assert (body["type"], body["data"]["lead"]) == ("message.received", {"id": "test", "sequence": 1})
    async with services.db.read() as tx:
        for table in (deal, delivery, attempt):
            assert (await tx.execute(select(table))).all() == []  # nothing of a test is kept


async def test_a_paused_endpoint_can_be_tried_and_both_secrets_sign_while_one_is_changed(
    services: Services, receiver: Receiver
):
    old = await listen(services, receiver.url)
    await change_endpoint(services, SITE, old.endpoint.id, ChangeEndpoint(status="paused"))
    new = await change_secret(services, SITE, old.endpoint.id, ChangeSecret())
    assert (await try_endpoint(services, SITE, old.endpoint.id, "ping")).answer.accepted
    [request] = receiver.requests
    for secret in (old.secret, new.secret):
        Webhook(secret).verify(request.body, dict(request.headers))


async def test_another_sites_endpoint_cannot_be_tried(services: Services, receiver: Receiver):
    added = await listen(services, receiver.url, site_id=2)
    with pytest.raises(NotFound):
        await try_endpoint(services, SITE, added.endpoint.id, "ping")
    assert receiver.requests == []


REFUSALS = [
    (302, "a redirect to http://elsewhere.example/", "enter the URL it leads to"),
    (400, "answered 400 Bad Request", "format"),
    (401, "answered 401", "secret"),
    (403, "answered 403", "firewall"),
    (404, "answered 404", "path"),
    (405, "answered 405", "POST"),
    (410, "410 Gone", "switches the endpoint off"),
    (413, "answered 413", "size limit"),
    (415, "answered 415", "application/json"),
    (422, "answered 422", "misses something"),
    (429, "answered 429", "per_minute"),
    (418, "answered 418", "only 2xx"),
    (500, "answered 500", "receiver's log"),
    (503, "answered 503", "receiver's log"),
]


async def test_each_refusal_says_what_happened_and_what_to_do(services: Services, receiver: Receiver):
    added = await listen(services, receiver.url)
    for status, words, hint in REFUSALS:
        receiver.answer(status, "no", {"Location": "http://elsewhere.example/"})
        trial = await try_endpoint(services, SITE, added.endpoint.id, "ping")
        assert not trial.answer.accepted
        assert words in trial.words, status
        assert hint in trial.hint, status
        assert (trial.answer.status, trial.answer.body) == (status, b"no")


def no_listener(receiver: Receiver) -> str:
    receiver.stop()
    return receiver.url


def silent(receiver: Receiver) -> str:
    receiver.hang()
    return receiver.url


def cut(receiver: Receiver) -> str:
    receiver.drop()
    return receiver.url


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what fails here is the network's
@pytest.mark.parametrize(
    ("make", "words", "hint"),
    [
        (no_listener, "no connection: Connection refused", "check that the receiver runs"),
        (silent, "no answer within 1 seconds", "answer 2xx first"),
        (cut, "", "closed the connection"),
        (lambda one: one.url.replace("http:", "https:"), "", "https:"),
        (lambda one: "http://no-such-host.invalid/", "cannot be resolved", "spelling"),
        (lambda one: "http://inside.example/", "private network", "webhooks.allow"),
    ],
)
async def test_each_failure_without_an_answer_says_what_happened_and_what_to_do(
    changing: Changing, receiver: Receiver, make: Callable[[Receiver], str], words: str, hint: str
):
    async def resolve(host: str, port: int) -> list[str]:
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ["10.0.0.5"] if host == "inside.example" else [host]

    async with changing(resolve=resolve, timeout_seconds=1 if make is silent else 60) as services:
        added = await listen(services, make(receiver))
        trial = await try_endpoint(services, SITE, added.endpoint.id, "ping")
    assert trial.answer.status is None
    assert trial.words
    assert words in trial.words
    assert hint in trial.hint
    assert trial.answer.sent  # what would have gone is shown all the same


async def test_a_certificate_that_is_not_trusted_is_told_apart(services: Services, tmp_path: Any):
    receiver = Receiver(make_certificates(tmp_path))
    receiver.start()
    try:
        added = await listen(services, receiver.url)
        trial = await try_endpoint(services, SITE, added.endpoint.id, "ping")
    finally:
        receiver.stop()
    assert "certificate" in trial.words
    assert "in date, made for this host name" in trial.hint


async def test_what_speaks_no_http_is_told_apart(services: Services):
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}}")
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        added = await listen(services, f"http://127.0.0.1:{port}/")
        trial = await try_endpoint(services, SITE, added.endpoint.id, "ping")
    assert "does not speak HTTP" in trial.words
    assert "check the port" in trial.hint


async def test_a_secret_that_cannot_be_read_is_told_and_nothing_leaves(services: Services, receiver: Receiver):
    added = await listen(services, receiver.url)
    other = replace(services, tokens=Tokens(b"another key of at least 32 bytes!"))
    trial = await try_endpoint(other, SITE, added.endpoint.id, "ping")
    assert ("cannot be signed" in trial.words, "new secret" in trial.hint) == (True, True)
    assert receiver.requests == []


def test_there_is_advice_for_every_refusal_and_none_for_success():
    for status in [*range(100, 600), None]:
        answer = Answer(status, "", fault="silence" if status is None else "status")
        assert bool(advise(answer)) is not answer.accepted, status


@pytest.mark.parametrize("fault", ["inside", "name", "connect", "tls", "silence", "protocol", "broken", "unsigned"])
def test_there_is_advice_for_every_fault(fault: Any):
    assert advise(Answer(None, "it failed", fault=fault))
