"""Connecting a mailbox by signing in, through the management API and the command line."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.grants.connecting import with_oauth
from tests.support.dovecot import Dovecot
from tests.support.management import management_api
from tests.support.oauth_server import OauthServer
from wherefrom.grants.api import OPERATIONS as GRANT_OPERATIONS
from wherefrom.inbox.api import OPERATIONS as MAILBOX_OPERATIONS
from wherefrom.inbox.connect_api import OPERATIONS
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.sites.store import get_site

ANNA = "anna@company.example"


@pytest_asyncio.fixture
async def site(services: Services, oauth: OauthServer) -> Services:
    found = replace(services, settings=with_oauth(services.settings, oauth))
    await add_site(found, "shop", ["company.example"])
    await add_site(found, "other", ["other.example"])
    return found


@pytest_asyncio.fixture
async def api(site: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with management_api(site, (*MAILBOX_OPERATIONS, *OPERATIONS, *GRANT_OPERATIONS)) as client:
        yield client


async def begin(api: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    answer = await api.post("/sites/shop/mailboxes/connect", json={"provider": "custom", "username": ANNA} | values)
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def test_d04_a_mailbox_is_connected_with_the_address_the_browser_ended_at(
    api: httpx.AsyncClient, oauth: OauthServer
) -> None:
    begun = await begin(api, name="Sales")
    back = await oauth.agree(begun["url"])
    assert back.startswith(begun["redirect_url"])
    made = await api.post("/sites/shop/mailboxes/connect/complete", json={"code": back})
    assert made.status_code == 201
    told = made.json()
    assert (told["username"], told["name"], told["login"], told["status"]) == (ANNA, "Sales", "oauth", "new")
    again = await api.post("/sites/shop/mailboxes/connect/complete", json={"code": back})
    assert (again.status_code, "completed already" in again.json()["detail"]) == (400, True)
    changed = await api.patch(f"/sites/shop/mailboxes/{told['id']}", json={"password": "a password"})
    assert changed.json()["login"] == "password"


async def test_d04_the_bare_code_goes_with_the_state(api: httpx.AsyncClient, oauth: OauthServer) -> None:
    begun = await begin(api)
    code = httpx.URL(await oauth.agree(begun["url"])).params["code"]
    without = await api.post("/sites/shop/mailboxes/connect/complete", json={"code": code})
    assert (without.status_code, without.json()["field"]) == (400, "state")
    wrong_site = {"code": code, "state": begun["state"]}
    assert (await api.post("/sites/other/mailboxes/connect/complete", json=wrong_site)).status_code == 400
    made = await api.post("/sites/shop/mailboxes/connect/complete", json=wrong_site)
    assert made.status_code == 201


async def test_the_states_of_two_sign_ins_are_not_mixed(api: httpx.AsyncClient, oauth: OauthServer) -> None:
    first, second = await begin(api), await begin(api)
    back = await oauth.agree(first["url"])
    mixed = await api.post("/sites/shop/mailboxes/connect/complete", json={"code": back, "state": second["state"]})
    assert (mixed.status_code, "another sign-in" in mixed.json()["detail"]) == (400, True)


async def test_a_site_s_key_completes_only_what_it_began_and_names_no_file(site: Services, oauth: OauthServer) -> None:
    async with management_api(site, OPERATIONS) as operator:
        begun = await begin(operator)
        refused = await operator.post("/sites/shop/mailboxes/connect", json={"provider": "custom", "ca_file": "/x"})
        assert refused.json()["field"] == "username"
    async with site.db.read() as tx:
        shop = (await get_site(tx, "shop")).id
    async with management_api(site, OPERATIONS, key=str(shop)) as api:
        wanted = {"provider": "custom", "username": ANNA, "ca_file": "/etc/ssl/x.pem"}
        assert (await api.post("/sites/shop/mailboxes/connect", json=wanted)).status_code == 403
        assert (await api.post("/sites/other/mailboxes/connect", json=wanted)).status_code == 403
        foreign = await api.post("/sites/other/mailboxes/connect/complete", json={"code": "c", "state": begun["state"]})
        assert foreign.status_code == 403


async def test_providers_are_listed_with_what_to_register(api: httpx.AsyncClient, oauth: OauthServer) -> None:
    listed = {one["provider"]: one for one in (await api.get("/oauth/providers")).json()["data"]}
    assert list(listed) == ["google", "microsoft", "yandex", "mailru", "custom"]
    assert [one["ready"] for one in listed.values()] == [False, False, False, False, True]
    google = listed["google"]
    assert google["redirect_url"] == "http://127.0.0.1:8025/oauth/callback/google"
    assert (google["host"], google["port"], google["security"]) == ("imap.gmail.com", 993, "tls")
    assert len(google["register"]) >= 3
    assert all("secret" not in key for one in listed.values() for key in one)


# ---------------------------------------------------------------------------------------------- command line


@pytest.fixture
def folder(tmp_path: Path, database_url: str, oauth: OauthServer, token_dovecot: Dovecot) -> Path:
    lines = [f'{name} = "{value}"' for name, value in oauth.settings.items() if name != "client_secret"]
    (tmp_path / "settings.toml").write_text(
        f'[database]\nurl = "{database_url}"\n[webhooks]\nallow = ["127.0.0.0/8"]\n[oauth.custom]\nname = "Example"\n'
        + "\n".join(lines)
        + f'\nhost = "127.0.0.1"\nport = {token_dovecot.imap_port}\nsecurity = "none"\n'
        + '[smtp]\nhost = "127.0.0.1"\nsender = "a@b.example"\nusername = "a@b.example"\noauth = "custom"\n'
    )
    return tmp_path


async def run(folder: Path, oauth: OauthServer, *arguments: str, agrees: bool = False) -> tuple[int, str, str]:
    """Exit status, standard output and error of a command; one that ``agrees`` is pasted where the browser ended."""
    environment = {**os.environ, "WHEREFROM_OAUTH_CUSTOM_CLIENT_SECRET": oauth.settings["client_secret"]}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wherefrom", *arguments, cwd=folder, env=environment, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stderr
    told = b""
    if agrees:
        while b"/authorize?" not in (line := await asyncio.wait_for(process.stderr.readline(), 60)):
            assert line, told
            told += line
        process.stdin.write((await oauth.agree(line.decode().strip()) + "\n").encode())
    out, err = await asyncio.wait_for(process.communicate(b""), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), (told + err).decode()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the operations are tested on both above
async def test_d04_the_command_line_prints_the_address_and_takes_what_it_led_to(
    folder: Path, site: Services, oauth: OauthServer, token_dovecot: Dovecot
) -> None:
    anna = token_dovecot.add_user()
    wanted = ["mailbox", "connect", "shop", "--provider", "custom", "--user", anna.user]
    status, out, err = await run(folder, oauth, *wanted, "--json", agrees=True)
    assert status == 0, err
    made = json.loads(out)
    assert (made["username"], made["login"]) == (anna.user, "oauth")
    status, out, err = await run(folder, oauth, *wanted)
    assert (status, out) == (1, "")
    assert "nothing was pasted" in err
    status, out, err = await run(folder, oauth, "smtp", "connect", agrees=True)
    assert (status, "a@b.example connected" in out) == (0, True), err
    status, out, _ = await run(folder, oauth, "mailbox", "providers")
    assert "custom     Example, set up" in out
    assert "[oauth.google]" in out
