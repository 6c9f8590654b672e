"""Coming in and going out: log-in, log-out, and the page for a fresh installation."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wherefrom.accounts.login import log_in, log_out
from wherefrom.accounts.password import SHORTEST
from wherefrom.accounts.store import any_user
from wherefrom.console import session
from wherefrom.console.desk import Desk
from wherefrom.errors import TooMany, Unauthorized, WherefromError
from wherefrom.tokens import random_token
from wherefrom.web.requests import client_ip

_GUEST_COOKIE = "wherefrom_guest"
"""Stands for the session that a guest does not have yet, so that the log-in form has a CSRF token, too: a stranger must
not log a victim in to the stranger's own account."""


async def show_login(desk: Desk, request: Request) -> Response:
    """The form; the first-run page while nobody has an account; onward for who is in already."""
    next_ = session.safe_next(request.query_params.get("next", "/"))
    if await session.find_reader(desk.services, request):
        return RedirectResponse(next_, 303)
    async with desk.services.db.read() as tx:
        known = await any_user(tx)
    if not known:
        return desk.pages.show("first.html", shortest=SHORTEST)
    return _form(desk, request, next_)


async def enter(desk: Desk, request: Request) -> Response:
    """Checks the form and opens a session."""
    fields = await session.read_form(request)
    next_ = session.safe_next(fields.get("next", "/"))
    email = fields.get("email", "")[:254]
    try:
        session.check_origin(desk.services, request)
        session.check_csrf(desk.services, request.cookies.get(_GUEST_COOKIE, ""), fields.get("csrf", ""))
        ip = client_ip(request, desk.services.settings)
        _, token = await log_in(desk.services, email, fields.get("password", ""), ip)
    except WherefromError as problem:
        answer = _form(desk, request, next_, email, problem)
        answer.status_code = problem.status if isinstance(problem, (Unauthorized, TooMany)) else 403
        if "retry_after" in problem.extra:
            answer.headers["retry-after"] = str(problem.extra["retry_after"])
        return answer
    redirect = RedirectResponse(next_, 303)
    session.set_session(desk.services, redirect, token)
    redirect.delete_cookie(_GUEST_COOKIE, path="/login")
    return redirect


async def leave(desk: Desk, request: Request) -> Response:
    """Closes the session, on the server first."""
    token = session.session_token(desk.services, request)
    fields = await session.read_form(request)
    session.check_origin(desk.services, request)
    if token:
        session.check_csrf(desk.services, token, fields.get("csrf", ""))
        await log_out(desk.services, token)
    redirect = RedirectResponse("/login", 303, headers={"clear-site-data": '"cache"'})
    session.drop_session(desk.services, redirect)
    return redirect


def _form(desk: Desk, request: Request, next_: str, email: str = "", problem: WherefromError | None = None) -> Response:
    guest = request.cookies.get(_GUEST_COOKIE) or random_token()
    answer = desk.pages.show(
        "login.html",
        csrf_token=session.make_csrf(desk.services, guest),
        next=next_,
        email=email,
        problem=problem,
    )
    answer.set_cookie(
        _GUEST_COOKIE, guest, path="/login", secure=session.is_secure(desk.services), httponly=True, samesite="strict"
    )
    return answer
