"""Fixtures every room uses: the services on both engines, and real servers that live for the whole run.

All tests and fixtures share one event loop (see `asyncio_default_*_loop_scope` in pyproject.toml), because the browser
and the servers' clients belong to the loop they were made on. A test therefore ends what it starts.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio
import structlog
from playwright.async_api import Browser, Page, expect

from tests.support.across_sites import Watch
from tests.support.chromium import open_chromium
from tests.support.components import CHROMIUM, DOVECOT, POSTGRES, require, summary_lines
from tests.support.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.support.dovecot import Dovecot
from tests.support.oauth_server import OauthServer
from tests.support.postgres import Postgres
from tests.support.receiver import Receiver
from tests.support.smtp_sink import SmtpSink
from wherefrom.clock import FixedClock
from wherefrom.db import Database
from wherefrom.db.migrate import upgrade
from wherefrom.mail.blobs import Blobs
from wherefrom.services import Services
from wherefrom.settings import Data, DatabaseGroup, Settings, Webhooks
from wherefrom.supervise import Bell
from wherefrom.tokens import Ids, Tokens
from wherefrom.webhooks.guard import client as guarded_client

# No deadline: two cores shared with a browser and two servers make single examples slow by chance. In CI the examples
# are the same at every run, so that a red run says something about the change; developers' runs look for new ones.
hypothesis.settings.register_profile("developer", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "developer")


# As the service logs: the usual renderer prints the local variables of every frame, and where a batch of letters is
# among them, all that hangs on it: gigabytes, for a fault that a test wants.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# What a browser is to show is waited for as long as everything else: its own five seconds are too few beside a build.
expect.set_options(timeout=60_000)

# A command that tests start reads compiled modules, as an installed one does: to compile five hundred takes it longer
# than all else it does.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Two workers a core, unless PYTEST_XDIST_AUTO_NUM_WORKERS says how many: a worker waits for servers, browsers and
    polls two thirds of its time (measured: the inbox's tests take 400 s and 140 s of CPU), and no core should."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return 2 * (os.cpu_count() or 1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures that tests have recorded, and says loudly which tests did not run for want of a server."""
    for report in (*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])):
        for name, value in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(f"{report.nodeid}: {value}")
    reasons = [
        report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)
    ]
    for line in summary_lines(reasons):
        terminalreporter.write_line(line, red=True, bold=True)


_WATCH = Watch()
_WATCH.install()


@pytest.fixture(autouse=True)
def _every_statement_names_its_site() -> Iterator[None]:
    """Fails the test during which a room ran a statement over all sites that is not listed as rightly so."""
    yield
    faults = _WATCH.take()
    assert not faults, "name the site, or list it in tests/support/across_sites.py: " + "; ".join(faults)


@pytest_asyncio.fixture(scope="session")
async def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Makes SQLite files with the newest schema; the migrations run once."""
    template = tmp_path_factory.mktemp("sqlite") / "template.db"
    await upgrade(f"sqlite:///{template}")
    return SqliteDatabases(template)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of the whole run."""
    require(POSTGRES)
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest_asyncio.fixture(scope="session")
async def postgres_databases(postgres: Postgres) -> PostgresDatabases:
    """Makes PostgreSQL databases with the newest schema; the migrations run once."""
    template = await postgres.create_database()
    await upgrade(postgres.url(template))
    return PostgresDatabases(postgres, template)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on. To run on one alone: `@pytest.mark.parametrize("engine", ["sqlite"],
    indirect=True)`, and say why there."""
    return str(request.param)


@pytest.fixture
def databases(engine: str, request: pytest.FixtureRequest) -> Databases:
    """Makes databases on `engine`. Asked for by name here, so that SQLite's tests run where PostgreSQL is missing."""
    found: Databases = request.getfixturevalue(f"{'postgres' if engine == 'postgresql' else engine}_databases")
    return found


@pytest_asyncio.fixture
async def database_url(databases: Databases, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database with the newest schema, this test's own."""
    url = await databases.create(tmp_path)
    try:
        yield url
    finally:
        await databases.drop(url)


@pytest.fixture
def clock() -> FixedClock:
    """The clock in `services`; a test moves it with `advance`."""
    return FixedClock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The defaults, with this test's database and folder; webhooks may call loopback."""
    return Settings(
        database=DatabaseGroup(url=database_url),
        data=Data(folder=str(tmp_path / "data"), key_file=str(tmp_path / "data" / "secret.key")),
        webhooks=Webhooks(allow=("127.0.0.0/8",)),
    )


@pytest_asyncio.fixture
async def services(settings: Settings, clock: FixedClock) -> AsyncIterator[Services]:
    """What every use case is given: a real database of this test's own, on each engine in turn, and a clock that stands
    still."""
    database = Database(settings.database.url)
    async with guarded_client(settings) as http:
        try:
            yield Services(
                db=database,
                clock=clock,
                settings=settings,
                tokens=Tokens(b"a key for tests, 32 bytes long.."),
                ids=Ids(node=1),
                http=lambda: http,
                blobs=Blobs(Path(settings.data.folder) / "blobs"),
                bell=Bell(),
            )
        finally:
            await database.close()


@pytest.fixture(scope="session")
def _dovecot_server() -> Iterator[Dovecot]:
    require(DOVECOT)
    server = Dovecot()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def dovecot(_dovecot_server: Dovecot) -> Dovecot:
    """The mail server of the whole run, up again when the test before left it stopped. Take a new account of it."""
    _dovecot_server.start()
    return _dovecot_server


@pytest.fixture(scope="session")
def _polling_dovecot_server() -> Iterator[Dovecot]:
    require(DOVECOT)
    server = Dovecot(idle=False)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def polling_dovecot(_polling_dovecot_server: Dovecot) -> Dovecot:
    """A second mail server that offers no IDLE."""
    _polling_dovecot_server.start()
    return _polling_dovecot_server


@pytest.fixture(scope="session")
def _oauth_server() -> Iterator[OauthServer]:
    server = OauthServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def oauth(_oauth_server: OauthServer) -> OauthServer:
    """The OAuth server of the whole run, as new: nobody has agreed to anything."""
    _oauth_server.reset()
    return _oauth_server


@pytest.fixture(scope="session")
def _token_dovecot_server(_oauth_server: OauthServer) -> Iterator[Dovecot]:
    require(DOVECOT)
    server = Dovecot(introspection_url=f"{_oauth_server.url}/introspect")
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def token_dovecot(_token_dovecot_server: Dovecot) -> Dovecot:
    """A third mail server, which takes the tokens of `oauth` beside passwords."""
    _token_dovecot_server.start()
    return _token_dovecot_server


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser of the whole run. Every host name leads to 127.0.0.1."""
    require(CHROMIUM)
    async with open_chromium() as browser:
        yield browser


@pytest_asyncio.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """A page in a browser context of its own: no cookie, storage or cache of another test."""
    context = await chromium.new_context()
    context.set_default_timeout(60_000)
    try:
        yield await context.new_page()
    finally:
        await context.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP server that keeps what it is sent and answers as scripted."""
    server = Receiver()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    """A real SMTP server that keeps every letter."""
    server = SmtpSink()
    server.start()
    try:
        yield server
    finally:
        server.stop()
