"""Coming in: sessions, forged requests, headers (G06 and the rules for every page)."""

import hashlib
from datetime import timedelta

import httpx
import pytest
from msgspec.structs import replace

from tests.console.conftest import csrf_of, log_in
from tests.console.scene import EMAIL, PASSWORD, make_scene, make_user
from wherefrom.accounts import store
from wherefrom.accounts.login import MOST_PER_ACCOUNT
from wherefrom.console.session import safe_next
from wherefrom.settings import Server
from wherefrom.sites.store import get_site

# ------------------------------------------------------------------------------------------------ in and out


async def test_while_nobody_has_an_account_the_page_says_which_command_makes_one(guest):
    page = await guest.get("/login")
    assert page.status_code == 200
    assert "wherefrom user add" in page.text
    assert "<form" not in page.text


async def test_a_guest_is_sent_to_the_form_and_back_to_where_they_wanted(guest, scene):
    wanted = f"/sites/{scene.site.id}/messages?q=chairs&match=yes"
    sent = await guest.get(wanted)
    assert sent.status_code == 303
    form = await guest.get(sent.headers["location"])
    token = csrf_of(form.text)
    assert f'value="{wanted.replace("&", "&amp;")}"' in form.text
    answer = await guest.post("/login", data={"csrf": token, "email": EMAIL, "password": PASSWORD, "next": wanted})
    assert answer.headers["location"] == wanted


async def test_the_start_page_leads_to_the_first_sites_messages(client, scene):
    answer = await client.get("/")
    assert answer.headers["location"] == f"/sites/{scene.site.id}/messages"


async def test_a_service_without_a_site_says_how_to_add_one(guest, services):
    await make_user(services)
    await log_in(guest)
    page = await guest.get("/")
    assert "wherefrom site add" in page.text


async def test_a_wrong_password_is_answered_in_words_and_keeps_the_address(guest, scene):
    answer = await log_in(guest, password="not the password")
    assert answer.status_code == 401
    assert "do not fit together" in answer.text
    assert f'value="{EMAIL}"' in answer.text
    assert "not the password" not in answer.text
    assert "wherefrom_session" not in guest.cookies


async def test_too_many_failures_say_how_long_to_wait(guest, scene, services):
    async with services.db.write() as tx:
        for _ in range(MOST_PER_ACCOUNT):
            await store.add_failure(tx, services.ids.next(), EMAIL, "203.0.113.1", services.clock.now())
    answer = await log_in(guest)
    assert answer.status_code == 429
    assert "wait 15 minutes" in answer.text.lower()
    assert answer.headers["retry-after"] == "900"


async def test_logging_out_is_a_post_that_ends_the_session_on_the_server(client, scene):
    stolen = dict(client.cookies)
    assert (await client.get("/logout")).status_code == 405
    page = await client.get(f"/sites/{scene.site.id}/messages")
    answer = await client.post("/logout", data={"csrf": csrf_of(page.text)})
    assert answer.headers["location"] == "/login"
    client.cookies.update(stolen)
    assert (await client.get(f"/sites/{scene.site.id}/messages")).status_code == 303


async def test_a_session_that_has_expired_leads_to_the_form_and_htmx_is_told_too(client, scene, clock):
    clock.advance(timedelta(days=14))
    page = f"/sites/{scene.site.id}/messages"
    assert (await client.get(page)).status_code == 303
    poll = await client.get(f"{page}/poll", headers={"hx-request": "true"})
    assert (poll.status_code, poll.headers["hx-redirect"]) == (401, "/login")


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:x", "", "/é"]
)
def test_log_in_never_leads_to_another_site(path):
    assert safe_next(path) == "/"


def test_log_in_leads_back_to_own_pages():
    assert safe_next("/sites/1/messages?q=a%20b&from=2026-11-01") == "/sites/1/messages?q=a%20b&from=2026-11-01"


# ------------------------------------------------------------------------------------------------ cookies, headers


async def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(guest, scene):
    answer = await log_in(guest)
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("wherefrom_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # the address in the settings is http here


class TestBehindHttps:
    @pytest.fixture
    def settings(self, settings):
        return replace(settings, server=Server(public_url="https://mail.company.com"))

    async def test_the_session_cookie_is_secure_and_bound_to_the_host(self, guest, scene):
        form = await guest.get("/login")
        pre = dict(one.split(";")[0].split("=", 1) for one in form.headers.get_list("set-cookie"))
        answer = await guest.post(
            "/login",
            data={"csrf": csrf_of(form.text), "email": EMAIL, "password": PASSWORD},
            headers={"cookie": f"wherefrom_guest={pre['wherefrom_guest']}"},
        )
        cookie = answer.headers.get_list("set-cookie")[0]
        assert cookie.startswith("__Host-wherefrom=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


async def test_every_page_carries_the_strict_headers(client, scene):
    letter = await scene.add_letter()
    base = f"/sites/{scene.site.id}"
    for path in (
        "/login", f"{base}/messages", f"{base}/messages/poll", f"{base}/messages.csv", f"{base}/messages/{letter}",
        f"{base}/setup", "/sites/999/setup", f"{base}/messages/1",
    ):  # fmt: skip
        headers = (await client.get(path)).headers
        if path == "/login":  # who is in already is sent on
            continue
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy, path
        assert "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["cache-control"] == "no-store", path
        assert headers["referrer-policy"] == "same-origin", path


async def test_no_page_has_inline_script_or_style(client, scene):
    letter = await scene.add_letter(visit_number=await scene.add_visit(7))
    for path in ("messages", f"messages/{letter}", "setup"):
        text = (await client.get(f"/sites/{scene.site.id}/{path}")).text
        assert "style=" not in text
        assert "<style" not in text
        assert " onclick" not in text
        assert "hx-on" not in text
        for tag in text.split("<script")[1:]:
            assert " src=" in tag.split(">")[0] or "&lt;" in tag


async def test_static_files_are_kept_for_ever_by_their_version_and_nothing_else_is_served(guest):
    page = (await guest.get("/login")).text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    style = await guest.get(address)
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]
    for name in ("nothing.css", "..%2froutes.py", "__init__.py"):
        assert (await guest.get(f"/static/{name}")).status_code == 404


async def test_the_vendored_script_is_the_published_one(guest):
    script = await guest.get("/static/htmx-2.0.11.min.js")
    published = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
    assert hashlib.sha256(script.content).hexdigest() == published
    assert (await guest.get("/static/htmx-LICENSE.txt")).status_code == 200


# ------------------------------------------------------------------------------------------------ forged requests


@pytest.fixture
def switch(scene):
    return f"/sites/{scene.site.id}/setup/enabled"


async def enabled(services, scene):
    async with services.db.read() as tx:
        return (await get_site(tx, scene.site.id)).enabled


async def test_a_change_without_a_token_or_with_another_sessions_is_refused(client, guest, scene, services, switch):
    async with httpx.AsyncClient(base_url=str(client.base_url), timeout=60) as other:
        await log_in(other)
        foreign = csrf_of((await other.get(f"/sites/{scene.site.id}/setup")).text)
    for token in ("", "x.y.z", foreign):
        answer = await client.post(switch, data={"csrf": token, "enabled": "off"})
        assert answer.status_code == 403
        assert "nothing was changed" in answer.text
    assert await enabled(services, scene)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_a_change_sent_by_another_sites_page_is_refused_even_with_the_token(
    client, scene, services, switch, headers
):
    token = csrf_of((await client.get(f"/sites/{scene.site.id}/setup")).text)
    answer = await client.post(switch, data={"csrf": token, "enabled": "off"}, headers=headers)
    assert answer.status_code == 403
    assert await enabled(services, scene)


async def test_a_change_from_our_own_page_is_done(client, scene, services, switch):
    token = csrf_of((await client.get(f"/sites/{scene.site.id}/setup")).text)
    own = {"sec-fetch-site": "same-origin", "origin": str(client.base_url).rstrip("/")}
    answer = await client.post(switch, data={"csrf": token, "enabled": "off"}, headers=own)
    assert answer.status_code == 303
    assert not await enabled(services, scene)


async def test_logging_in_needs_the_forms_own_token_so_that_nobody_is_logged_in_by_a_stranger(guest, scene):
    answer = await guest.post("/login", data={"csrf": "x.y.z", "email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 403
    assert "wherefrom_session" not in guest.cookies
    token = csrf_of((await guest.get("/login")).text)
    guest.cookies.clear()
    answer = await guest.post("/login", data={"csrf": token, "email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 403


async def test_a_form_that_is_too_long_or_no_text_is_refused(client, switch):
    big = await client.post(switch, data={"csrf": "x" * 70_000})
    assert big.status_code == 413
    odd = await client.post(
        switch, content=b"csrf=%ff%fe", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert odd.status_code == 400


async def test_one_sites_pages_do_not_show_another_sites_letters(client, scene, services):
    other = await make_scene(services, "Blog", "blog.example")
    letter = await other.add_letter("Only for the blog")
    base = f"/sites/{scene.site.id}/messages"
    assert "Only for the blog" not in (await client.get(base)).text
    for path in (
        f"{base}/{letter}",
        f"{base}/{letter}/sheet",
        f"{base}/{letter}/original.eml",
        f"{base}/{letter}/files/1",
    ):
        assert (await client.get(path)).status_code == 404
