"""The demo site: three pages with addresses in different places, a way to write a letter, a choice of places.

It hands the script and the collector's doors through its own host, as a careful owner does against content blockers,
and says in ``X-Forwarded-For`` which of the demo's cities the visit comes from. The city stands in the doors' paths,
because the script sends no cookies.
"""

from __future__ import annotations

import asyncio
import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

import httpx
import msgspec
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from wherefrom.addresses import find_address
from wherefrom.demo.geo import CITIES, City

_HERE = Path(__file__).parent
_PAGES = {"/": "home.html", "/offer": "offer.html", "/contact": "contact.html"}
_DOORS = ("/v1/visits", "/v1/signals")
_PASSED_ON = ("content-type", "origin", "user-agent", "accept-language", "if-none-match")
_PASSED_BACK = ("content-type", "cache-control", "etag", "access-control-allow-origin", "vary")


class Draft(msgspec.Struct):
    """What the page's letter form sends."""

    to: str
    sender: str
    subject: str
    text: str
    attach: bool = False


@dataclass(frozen=True, slots=True)
class DemoSite:
    """``service``, ``crm`` and ``console`` are URLs; ``smtp_port`` is the post office's."""

    service: str
    crm: str
    site_key: str
    addresses: dict[str, str]
    smtp_port: int
    client: httpx.AsyncClient

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                *(Route(path, self.page) for path in _PAGES),
                Route("/letters", self.send, methods=["POST"]),
                Route("/wf.js", self.pass_on),
                Route("/wf-full.js", self.pass_on),
                *(Route("/from/{city}" + door, self.pass_on, methods=["POST"]) for door in _DOORS),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ]
        )

    async def page(self, request: Request) -> Response:
        templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)
        page = templates.get_template(_PAGES[request.url.path]).render(
            site=self,
            address=self.addresses,
            cities=CITIES,
            here=request.url.path,
            city=_find_city(request.cookies.get("demo_city", "")),
        )
        return HTMLResponse(page, headers={"cache-control": "no-store"})

    async def send(self, request: Request) -> Response:
        try:
            draft = msgspec.json.decode(await request.body(), type=Draft)
        except msgspec.DecodeError as error:
            return JSONResponse({"error": f"the letter is not understood: {error}"}, 400)
        for field, text in (("To", draft.to), ("From", draft.sender)):
            if find_address(text) is None:
                return JSONResponse({"error": f"{field}: “{text}” is no e-mail address"}, 400)
        await asyncio.to_thread(self._post, draft)
        return JSONResponse({"sent": draft.to})

    def _post(self, draft: Draft) -> None:
        letter = EmailMessage()
        letter["From"], letter["To"] = draft.sender, draft.to
        letter["Subject"] = " ".join(draft.subject.split())
        letter["Date"], letter["Message-ID"] = formatdate(localtime=True), make_msgid(domain="visitor.example")
        letter.set_content(draft.text)
        if draft.attach:
            letter.add_attachment("item;quantity\nchair;4\ntable;1\n", subtype="csv", filename="wish list.csv")
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as smtp:
            smtp.send_message(letter)

    async def pass_on(self, request: Request) -> Response:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        city = request.path_params.get("city", "")
        headers["x-forwarded-for"] = _find_city(city).ip
        path = request.url.path.removeprefix(f"/from/{city}")
        answer = await self.client.request(
            request.method, self.service + path, content=await request.body(), headers=headers
        )
        back = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
        return Response(answer.content, answer.status_code, back)


def _find_city(code: str) -> City:
    return next((city for city in CITIES if city.code == code), CITIES[0])
