"""A site set up as its owner would: by the command line, with a mailbox, a webhook and a person for the console."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook

from tests.acceptance.service import Service
from tests.support.dovecot import Account, Dovecot
from tests.support.receiver import Received, Receiver

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


def set_up(service: Service, dovecot: Dovecot, receiver: Receiver, strategy: str, domain: str) -> Stage:
    """A site "shop" on shop.example with the target sales@``domain``; whatever comes to ``domain`` is in one mailbox.

    Everything at ``domain`` arrives, so the same account serves plus codes, a pool and a catch-all.
    """
    account = dovecot.add_user(catchall_domain=domain)
    site = service.run("site", "add", "shop", "--host", "shop.example")
    address = f"sales@{domain}"
    service.run("target", "add", "shop", address, "--strategy", strategy, *_options(service, strategy, domain))
    service.run(
        "mailbox", "add", "shop", "--host", "localhost", "--port", str(dovecot.imaps_port), "--user", account.user,
        "--ca-file", str(dovecot.ca_file), WHEREFROM_MAILBOX_PASSWORD=account.password,
    )  # fmt: skip
    endpoint = service.run("endpoint", "add", "shop", receiver.url + "/crm", "--deal-path", "deal.number")
    service.run("user", "add", PERSON, WHEREFROM_USER_PASSWORD=PASSWORD)
    return Stage(service, dovecot, account, receiver, site["key"], address, endpoint["secret"])


def _options(service: Service, strategy: str, domain: str) -> list[str]:
    if strategy == "pool":
        pool = service.folder / "pool.txt"
        pool.write_text("".join(f"sales-{number}@{domain}\n" for number in range(1, 4)))
        return ["--pool", str(pool)]
    return ["--domain", domain] if strategy == "catchall" else []
