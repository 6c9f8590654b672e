"""A real OAuth server on loopback: agreement page, tokens with PKCE and rotation, introspection for the mail server.

Runs in a thread of its own, so that it also serves a test that blocks the loop, a browser, and Dovecot. Everybody who
agrees is whoever `login_hint` names, or `user`. What it does wrong is switched by `mode` and the fields beside it.
Knows nothing about Wherefrom.
"""

import asyncio
import base64
import hashlib
import html
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.ports import LOOPBACK, free_port

CLIENT_ID, CLIENT_SECRET = "wherefrom", "the client's secret"

Mode = Literal["well", "down", "busy", "hang", "garbage", "slow"]


@dataclass
class _Grant:
    """What one agreement gave: the refresh token that is good now, and those that were."""

    user: str
    scope: str
    refresh: str = ""
    old: set[str] = field(default_factory=set)
    ended: bool = False


class OauthServer:
    """The server. `reset` before each test; `start` and `stop` once."""

    def __init__(self) -> None:
        self.port = free_port()
        self._released = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.reset()

    def reset(self) -> None:
        """As new: nobody has agreed, and all goes well."""
        self._released.set()
        self.mode: Mode = "well"
        self.rotates = True
        self.gives_refresh = True
        self.lifetime: int | None = 3_600
        self.user = ""
        self.granted = ""
        self.introspects = True
        self.reused = 0
        """How often a refresh token came again after it was replaced."""
        self.asked: list[dict[str, str]] = []
        """The forms of the token requests so far."""
        self._released = threading.Event()
        self._codes: dict[str, dict[str, str]] = {}
        self._grants: list[_Grant] = []
        self._tokens: dict[str, tuple[_Grant, float]] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """What a client has to know."""
        return {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "authorize_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "scopes": "mail offline_access",
        }

    @property
    def refreshes(self) -> list[dict[str, str]]:
        """The token requests that were renewals."""
        return [form for form in self.asked if form.get("grant_type") == "refresh_token"]

    def start(self) -> None:
        """Listens; returns once it does."""
        config = uvicorn.Config(self._app(), host=LOOPBACK, port=self.port, log_level="error", lifespan="off")
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 60
        while not server.started:
            if time.monotonic() > deadline:
                raise AssertionError("the OAuth server does not start")
            time.sleep(0.005)

    def stop(self) -> None:
        self._released.set()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(10)

    async def agree(self, url: str, *, decline: bool = False) -> str:
        """Agrees at the page `url` leads to, as a person with a browser; the address one is sent back to."""
        # Reading authorities takes longer than the test.
        async with httpx.AsyncClient(verify=False, timeout=60) as browser:
            page = await browser.get(url)
            assert page.status_code == 200, page.text
            fields = dict(page.request.url.params) | {"decision": "no" if decline else "yes"}
            answer = await browser.post(f"{self.url}/decide", data=fields)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def user_of(self, token: str) -> str:
        """Whose access token this is; "" when it is nobody's (any more)."""
        with self._lock:
            grant, end = self._tokens.get(token, (None, 0.0))
        return grant.user if grant is not None and end > time.time() else ""

    def end_grants(self) -> None:
        """All that was agreed to is taken back; tokens that are out still work until they end."""
        for one in self._grants:
            one.ended = True

    def revoke_tokens(self) -> None:
        """Access tokens that are out stop working at once; they can be renewed."""
        self._tokens.clear()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/authorize", self._authorize),
                Route("/decide", self._decide, methods=["POST"]),
                Route("/token", self._token, methods=["POST"]),
                Route("/introspect", self._introspect, methods=["POST"]),
            ]
        )

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        wrong = [
            name
            for name, good in {
                "client_id": asked.get("client_id") == CLIENT_ID,
                "response_type": asked.get("response_type") == "code",
                "code_challenge_method": asked.get("code_challenge_method") == "S256",
                "code_challenge": len(asked.get("code_challenge", "")) == 43,
                "state": bool(asked.get("state")),
                "redirect_uri": urlsplit(asked.get("redirect_uri", "")).path.startswith("/oauth/callback/"),
            }.items()
            if not good
        ]
        if wrong:
            return HTMLResponse(f"wrong: {', '.join(wrong)}", 400)
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in asked.items()
        )
        return HTMLResponse(
            f'<title>Sign in</title><h1>Let Wherefrom read mail?</h1><form method="post" action="/decide">{hidden}'
            '<button name="decision" value="yes">Agree</button> '
            '<button name="decision" value="no">Decline</button></form>'
        )

    async def _decide(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        back = {"state": form["state"]}
        if form.get("decision") == "yes":
            code = secrets.token_urlsafe(12)
            self._codes[code] = form
            back["code"] = code
        else:
            back |= {"error": "access_denied", "error_description": "The user declined"}
        return RedirectResponse(f"{form['redirect_uri']}?{urlencode(back)}", 303)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.asked.append(form)
        if self.mode in ("hang", "slow"):
            await asyncio.to_thread(self._released.wait, 30 if self.mode == "hang" else 0.2)
        if self.mode == "down":
            return HTMLResponse("<h1>Bad gateway</h1>", 502)
        if self.mode == "busy":
            return JSONResponse({"error": "slow_down"}, 429, {"retry-after": "120"})
        if self.mode == "garbage":
            return HTMLResponse("<h1>Welcome to the hotel's network</h1>")
        with self._lock:
            return self._answer(form)

    def _answer(self, form: dict[str, str]) -> Response:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = self._by_code(form) if form["grant_type"] == "authorization_code" else self._by_refresh(form)
        if grant is None:
            return JSONResponse(
                {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400
            )
        token = secrets.token_urlsafe(900)  # as long as Microsoft's
        self._tokens[token] = (grant, time.time() + (3_600 if self.lifetime is None else self.lifetime))
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "scope": grant.scope}
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        if self.gives_refresh and (self.rotates or form["grant_type"] == "authorization_code"):
            grant.old.add(grant.refresh)
            answer["refresh_token"] = grant.refresh = secrets.token_urlsafe(16)
        return JSONResponse(answer)

    def _by_code(self, form: dict[str, str]) -> _Grant | None:
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return None
        grant = _Grant(self.user or asked.get("login_hint", ""), self.granted or asked["scope"])
        self._grants.append(grant)
        return grant

    def _by_refresh(self, form: dict[str, str]) -> _Grant | None:
        token = form.get("refresh_token", "")
        for one in self._grants:
            if token and token in one.old:
                self.reused += 1
                one.ended = True  # used twice: stolen, for all a server knows (RFC 9700 4.14.2)
            if token and token == one.refresh and not one.ended:
                return one
        return None

    async def _introspect(self, request: Request) -> Response:
        if not self.introspects:
            return Response("out of order", 500)
        token = str((await request.form()).get("token", ""))
        with self._lock:
            grant, end = self._tokens.get(token, (None, 0.0))
        if grant is None or end < time.time():
            return JSONResponse({"active": False})
        return JSONResponse({"active": True, "username": grant.user, "scope": grant.scope})
