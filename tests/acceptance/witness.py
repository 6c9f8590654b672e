"""What people see of a running service: the visitor, the reader of mail, the analyst, and who asks whether it is well.

visitor          the script, and the answer to a page shown
reader of mail   the pixel of a letter, and where its link leads
analyst          the history page
load balancer    /readyz, /healthz
"""

from __future__ import annotations

import asyncio
import html
import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.acceptance.letters import write_letter
from tests.acceptance.service import Service
from tests.acceptance.stage import CHROME, PASSWORD, PERSON, Stage, set_up
from tests.support.dovecot import Dovecot
from tests.support.receiver import Receiver
from wherefrom.accounts.login import log_in
from wherefrom.app import open_services
from wherefrom.console.session import cookie_name
from wherefrom.management import invoke

LEADS_TO = "https://shop.example/chairs"
LONGEST = 10.0
"""Seconds a page may wait: the service's own limit is three, and a machine with more to do takes longer."""

PATIENCE = 60.0
"""Seconds that something may take that nobody waits for."""

_LETTERS = 6
_TAGS = re.compile(r"<(script|style|svg).*?</\1>|<[^>]*>", re.DOTALL)


async def until(reached: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Until it is true: of another process, which tells nobody."""
    async with asyncio.timeout(seconds):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Seen:
    """Answers of one moment. ``seconds`` is how long the visitor's page waited for its own; ``longest`` it may."""

    visit: httpx.Response
    seconds: float
    script: httpx.Response
    pixel: httpx.Response
    click: httpx.Response
    history: httpx.Response
    ready: httpx.Response
    alive: httpx.Response
    longest: float = LONGEST

    @property
    def problems(self) -> str:
        """What /readyz says is wrong, in words."""
        return "\n".join(self.ready.json()["problems"])

    @property
    def page(self) -> str:
        """What the analyst reads."""
        return " ".join(html.unescape(_TAGS.sub(" ", self.history.text)).split())

    @property
    def is_well(self) -> bool:
        answers = (self.ready, self.visit, self.history, self.click)
        return [one.status_code for one in answers] == [200, 200, 200, 307]

    def assert_well(self, address: str) -> None:
        """Everybody gets everything."""
        assert self.ready.status_code == 200, self.ready.text
        assert self.visit.status_code == 200, self.visit.text
        assert address in self.visit.json()["substitutes"], self.visit.text
        assert self.click.status_code == 307, self.click.text
        assert self.history.status_code == 200, self.page
        self.assert_goes_on()

    def assert_goes_on(self) -> None:
        """What holds whatever is wrong: the page keeps its real address and is told to come again in time, a picture is
        a picture, a link leads on or answers in words, the analyst reads what is wrong, and the process is alive."""
        assert self.alive.status_code == 200
        assert self.script.status_code == 200
        assert self.script.headers["content-type"].startswith("text/javascript")
        assert (self.pixel.status_code, self.pixel.headers["content-type"]) == (200, "image/gif")
        assert self.visit.status_code in (200, 503), self.visit.text
        assert self.seconds < self.longest, f"the page waited {self.seconds:.1f} s"
        if self.visit.status_code == 503:
            assert int(self.visit.headers["retry-after"]) > 0
            assert self.visit.headers["access-control-allow-origin"] == "https://shop.example"
        if self.click.status_code == 307:
            assert self.click.headers["location"].startswith(LEADS_TO)
        else:
            assert (self.click.status_code, "Please try it once more" in self.click.text) == (503, True)
        assert self.history.status_code in (200, 503), (self.history.status_code, self.page)

    def assert_refused(self) -> None:
        """Nothing can be written: the visitor is told so."""
        assert self.visit.status_code == 503, self.visit.text
        self.assert_goes_on()


@dataclass(slots=True)
class Witness:
    """Asks all of them. Each of ``links`` is followed once, so that nothing remembers where it leads."""

    stage: Stage
    client: httpx.AsyncClient
    pixel: str
    links: list[str]
    longest: float = LONGEST

    async def look(self) -> Seen:
        """Everybody at once."""
        begun = time.monotonic()
        ended = 0.0

        async def visit() -> httpx.Response:
            nonlocal ended
            answer = await self.visit()
            ended = time.monotonic()
            return answer

        get, url = self.client.get, self.stage.service.url
        link = self.links.pop(0)
        self.links.append(link)
        answers = await asyncio.gather(
            visit(),
            *(get(url + path) for path in ("/wf.js", self.pixel, link, "/sites/shop/messages", "/readyz", "/healthz")),
        )
        visited, *others = answers
        return Seen(visited, ended - begun, *others, longest=self.longest)

    async def visit(self) -> httpx.Response:
        """A new visitor's page."""
        page = {"site": self.stage.key, "page": LEADS_TO, "addresses": [self.stage.address]}
        url = self.stage.service.url + "/v1/visits"
        return await self.client.post(url, json=page, headers={"Origin": "https://shop.example"})

    async def answered_visit(self) -> httpx.Response:
        """A new visitor's page that is answered: where a disk is busy for seconds, it is asked again."""
        deadline = time.monotonic() + PATIENCE
        while (answer := await self.visit()).status_code == 503:
            assert time.monotonic() < deadline, f"{answer.text}\n{self.stage.service.log()[-4000:]}"
            await asyncio.sleep(0.1)
        return answer

    async def write(self, subject: str = "Four chairs, please") -> str:
        """A visitor comes, and writes to the address that is shown; that one."""
        answer = await self.answered_visit()
        shown: str = answer.json()["substitutes"][self.stage.address]["address"]
        self.deliver(shown, subject)
        return shown

    def deliver(self, shown: str, subject: str) -> None:
        """A letter to an address that was shown."""
        self.stage.dovecot.deliver(shown, write_letter(shown, subject)[0])

    async def until(self, reached: Callable[[Seen], bool], seconds: float = PATIENCE) -> Seen:
        """Looks again and again; what was seen when it was as it should be."""
        deadline = time.monotonic() + seconds
        while True:
            seen = await self.look()
            if reached(seen):
                return seen
            assert time.monotonic() < deadline, f"{seen.ready.text}\n{self.stage.service.log()[-4000:]}"
            await asyncio.sleep(0.1)

    async def until_not_ready(self, words: str = "") -> Seen:
        """Until /readyz names what is wrong. It answers from memory for a second, while workers may fail already."""
        return await self.until(lambda seen: seen.ready.status_code == 503 and words in seen.problems)

    async def until_well(self, seconds: float = PATIENCE) -> Seen:
        """Until everybody gets everything: connections that were lost are noticed one by one."""
        seen = await self.until(lambda seen: seen.is_well, seconds)
        seen.assert_well(self.stage.address)
        return seen


async def witness_of(service: Service, client: httpx.AsyncClient, dovecot: Dovecot, receiver: Receiver) -> Witness:
    """Of a service that is set up, runs, and has been seen well."""
    stage = await set_up(service, dovecot, receiver, "plus", f"trouble{service.port}.example")
    witness = await call_witness(stage, client)
    await service.start()
    await witness.until_well()
    return witness


async def call_witness(stage: Stage, client: httpx.AsyncClient) -> Witness:
    """Logs the analyst in, and makes letters with a pixel and a link. The service need not run yet."""
    async with open_services(stage.service.settings) as services:
        _, token = await log_in(services, PERSON, PASSWORD, "127.0.0.1")
        client.cookies.set(cookie_name(services), token)
        made = [
            await invoke(services, "POST", "/sites/{site}/sends", site="shop", body=_letter(number))
            for number in range(_LETTERS)
        ]
    client.headers["User-Agent"] = CHROME
    paths = [re.findall(rf'"{stage.service.url}(/[oc]/[^"]+)"', one.html) for one in made]
    found = list(itertools.chain(*paths))
    links = [path for path in found if path.startswith("/c/")]
    return Witness(stage, client, next(path for path in found if path.startswith("/o/")), links)


def _letter(number: int) -> dict[str, Any]:
    contact = {"email": f"reader{number}@people.example"}
    return {"contact": contact, "html": f'<p>See <a href="{LEADS_TO}">our chairs</a></p>'}
