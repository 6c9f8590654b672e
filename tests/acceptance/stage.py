"""A site set up as its owner would, by the operations the command line calls: mailbox, webhook, a person."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.async_api import Page
from standardwebhooks import Webhook

from tests.acceptance.service import Service
from tests.support.dovecot import Account, Dovecot
from tests.support.receiver import Received, Receiver
from wherefrom.app import open_services
from wherefrom.management import invoke

CHROME = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
ASKED_AGAIN = 150_000
"""Milliseconds within which the script certainly asks again, if its page was not answered: it does every minute."""

PERSON, PASSWORD = "owner@shop.example", "a long enough password"
DEAL = {"deal": {"number": "D-77"}}


@dataclass(frozen=True, slots=True)
class Stage:
    """``key`` is the site's public key, ``address`` the target on its pages, ``secret`` the webhook's."""

    service: Service
    dovecot: Dovecot
    account: Account
    receiver: Receiver
    key: str
    address: str
    secret: str

    def verify(self, request: Received) -> dict[str, Any]:
        """The body of a POST whose signature is right, as the receiver's library sees it."""
        Webhook(self.secret).verify(request.body, dict(request.headers))
        body: dict[str, Any] = json.loads(request.body)
        return body


async def set_up(service: Service, dovecot: Dovecot, receiver: Receiver, strategy: str, domain: str) -> Stage:
    """A site "shop" on shop.example with the target sales@``domain``; whatever comes to ``domain`` is in one mailbox.

    Everything at ``domain`` arrives, so the same account serves plus codes, a pool and a catch-all.
    """
    account = dovecot.add_user(catchall_domain=domain)
    address = f"sales@{domain}"
    target = {"address": address, "strategy": strategy, **_options(strategy, domain)}
    mailbox = {
        "host": "localhost", "port": dovecot.imaps_port, "ca_file": str(dovecot.ca_file),
        "username": account.user, "password": account.password,
    }  # fmt: skip
    hook = {"url": receiver.url + "/crm", "deal_path": "deal.number"}
    async with open_services(service.settings) as services:
        site = await invoke(services, "POST", "/sites", body={"name": "shop", "hosts": ["shop.example"]})
        await invoke(services, "POST", "/sites/{site}/targets", site=site.id, body=target)
        await invoke(services, "POST", "/sites/{site}/mailboxes", site=site.id, body=mailbox)
        endpoint = await invoke(services, "POST", "/sites/{site}/endpoints", site=site.id, body=hook)
        await invoke(services, "POST", "/users", body={"email": PERSON, "password": PASSWORD})
    return Stage(service, dovecot, account, receiver, site.key, address, endpoint.secret)


def _options(strategy: str, domain: str) -> dict[str, str]:
    if strategy == "pool":
        return {"pool": "".join(f"sales-{number}@{domain}\n" for number in range(1, 4))}
    return {"domain": domain} if strategy == "catchall" else {}


async def start_visited(stage: Stage) -> None:
    """Starts the service, and shows somebody a page: the first one of a process loads what all others find loaded,
    which on a machine with more to do takes longer than the script waits."""
    await stage.service.start()
    told = {"site": stage.key, "page": "https://shop.example/"}
    headers = {"Origin": "https://shop.example", "User-Agent": CHROME}
    async with httpx.AsyncClient(trust_env=False, timeout=60, headers=headers) as client:
        for _ in range(60):
            answer = await client.post(stage.service.url + "/v1/visits", json=told)
            if answer.status_code == 200:
                return
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.5)
    raise AssertionError(f"no page is answered\n{stage.service.log()}")


async def log_in(page: Page, stage: Stage) -> None:
    await page.goto(stage.service.url + "/")
    await page.get_by_label("E-mail").fill(PERSON)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/messages*")
