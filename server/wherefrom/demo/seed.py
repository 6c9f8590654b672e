"""Sets the demo up through the management API's own operations, as its owner would by the command line."""

from __future__ import annotations

from dataclasses import dataclass

from wherefrom.demo.mailbox import USER, EmbeddedMailbox
from wherefrom.management import invoke
from wherefrom.services import Services

PERSON = "demo@wherefrom.example"
PASSWORD = "wherefrom-demo"  # noqa: S105 - printed on the screen, for a service on loopback
ADDRESSES = {"sales": "sales@nordlicht.example", "support": "help@nordlicht.example", "jobs": "jobs@nordlicht.example"}
POOL = "\n".join(f"help-{number}@nordlicht.example" for number in range(1, 5))


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the shop and the CRM must know."""

    site_key: str
    secret: str


async def seed(services: Services, mailbox: EmbeddedMailbox, hook: str) -> Seeded:
    """One site with a target for each strategy, the mailbox, the CRM's endpoint, and a person for the console."""
    site = await invoke(services, "POST", "/sites", body={"name": "nordlicht", "hosts": ["127.0.0.1", "localhost"]})
    for target in (
        {"address": ADDRESSES["sales"], "strategy": "plus"},
        {"address": ADDRESSES["support"], "strategy": "pool", "pool": POOL},
        {"address": ADDRESSES["jobs"], "strategy": "catchall", "domain": "in.nordlicht.example", "code_form": "name"},
    ):
        await invoke(services, "POST", "/sites/{site}/targets", site=site.key, body=target)
    account = {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "username": USER}
    await invoke(
        services, "POST", "/sites/{site}/mailboxes", site=site.key, body={**account, "password": mailbox.password}
    )
    endpoint = await invoke(
        services, "POST", "/sites/{site}/endpoints", site=site.key, body={"url": hook, "deal_path": "deal.number"}
    )
    await invoke(services, "POST", "/users", body={"email": PERSON, "password": PASSWORD})
    return Seeded(site.key, endpoint.secret)
