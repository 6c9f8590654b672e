"""A site with any number of visits, put straight into the database by INSERT … SELECT, the same on both engines.

Two years of even traffic, up to now. For each 200 visits a letter, of which four in five are matched and one in twelve
became a deal; an address for every third visit (in pools for every tenth), signs of intent, pages of the last 30 days,
and a letter sent from here for every 20 visits. 420 sources of which few bring most visitors; letters of half a
kilobyte. All that varies is computed from the row's number, so that two runs make the same site.

Three words tell how long it takes to find a text. ``RARE`` stands in some thirty letters whatever the size of the site,
evenly over the two years: not a page full, so that all letters have to be considered; it ends ``PHRASE``, whose other
words stand in nearly all. ``SOME`` stands in one letter of forty and fills a page at any size. ``COMMON`` stands in
nearly all, so that the newest fill the page.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

import asyncpg  # type: ignore[import-untyped]
import msgspec
from sqlalchemy import make_url

from wherefrom.clock import to_ms

YEARS_MS = 730 * 86_400_000
MONTH_MS = 30 * 86_400_000
SLOTS = 10_000
BRIEF_FROM = 20_000_000
_BRIEF = 730 // 60
RARE, SOME, COMMON = "zanzibar", "mandolin", "delivery"
PHRASE = f"of chairs to our office {RARE}"
_RARE_LETTERS, _SOME_EVERY = 30, 40
_SLICE = 500_000
_CAMPAIGNS = 400

Table = dict[str, str]
"""Column and the SQL that makes its value of ``n``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The site to fill: how many visits up to ``now``, and its two targets, with codes and with a pool."""

    site_id: int
    coded: int
    pooled: int
    visits: int
    now: datetime

    @property
    def is_brief(self) -> bool:
        """Whether addresses, signs and visitors of the last 60 days alone are made, as retention would leave them, so
        that a disk holds it."""
        return self.visits > BRIEF_FROM


@dataclass(frozen=True, slots=True)
class Source:
    marker: str
    channel: str
    levels: str
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    referrer: str


def sources() -> list[Source]:
    """The most used first: each brings as many as one over its place (Zipf)."""
    plain = [
        ("", "direct", [], ""),
        ("seo_google", "organic_search", ["seo", "google"], "https://www.google.com/"),
        ("seo_bing", "organic_search", ["seo", "bing"], "https://www.bing.com/"),
        ("social_facebook", "social", ["social", "facebook"], "https://www.facebook.com/"),
        *(
            (f"partner{n}.example", "referral", ["site", f"partner{n}.example"], f"https://partner{n}.example/")
            for n in range(16)
        ),
    ]
    made = [
        Source(marker, channel, msgspec.json.encode(levels).decode(), None, None, None, referrer)
        for marker, channel, levels, referrer in plain
    ]
    for n in range(_CAMPAIGNS):
        name = ("google", "facebook", "news", "bing")[n % 4]
        medium, channel = (("cpc", "paid_search"), ("paid", "paid_social"), ("email", "email"), ("cpc", "paid_search"))[
            n % 4
        ]
        levels = msgspec.json.encode([name, f"campaign-{n}"]).decode()
        made.insert(
            2 + 2 * n if n < 9 else len(made),
            Source(f"{name}_campaign-{n}", channel, levels, name, medium, f"campaign-{n}", "https://www.google.com/"),
        )
    return made


def slots(count: int) -> list[int]:
    """For each slot the place of a source."""
    ends = list(accumulate(1 / (place + 1) for place in range(count)))
    found, place = [], 0
    for slot in range(SLOTS):
        while ends[place] * SLOTS < (slot + 0.5) * ends[-1]:
            place += 1
        found.append(place)
    return found


_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
_PLACES = [
    ("DE", "Germany", "Berlin", "Berlin"), ("DE", "Germany", "Bavaria", "Munich"), ("FR", "France", "Paris", "Paris"),
    ("US", "United States", "Texas", "Austin"), ("GB", "United Kingdom", "England", "Leeds"),
    ("IN", "India", "Kerala", "Kochi"), ("NP", "Nepal", "Bagmati", "Kathmandu"),
]  # fmt: skip
_PHRASES = [
    f"{begin} {middle} {end} "
    for begin in ("Could you tell me", "We would like to know", "Please let us know", "I am asking myself")
    for middle in ("what the price of", "whether you have", "how long", "when we may expect", "who is to pay for")
    for end in (f"the {COMMON} of chairs to our office", "a quote for forty desks", "an answer to our last letter")
]


def _hash(number: str, seed: int, below: int) -> str:
    """A number below ``below`` that looks drawn by chance."""
    return f"((({number} + {seed}) * 2654435761) % 4294967296) % {below}"


def _tables(plan: Plan, yes: str, no: str) -> Iterator[tuple[str, range, str, Table]]:
    """Table, its rows' numbers (``n``), joins, columns."""
    visits, begin = plan.visits, to_ms(plan.now) - YEARS_MS
    step = YEARS_MS / visits
    at = "({begin} + CAST({n} * {step} AS BIGINT))"

    def every(count: int) -> range:
        return range(1, count + 1)

    def late_ones(count: int) -> range:
        return range(count - count // _BRIEF + 1, count + 1) if plan.is_brief else every(count)

    def when(number: str, later: int = 0) -> str:
        return f"({at.format(begin=begin + later, n=number, step=repr(step))})"

    site = {"site_id": str(plan.site_id)}
    person = "(1 + n * 7 / 10)"
    source = {
        name: f"pick.{name}"
        for name in ("marker", "channel", "source_levels", "utm_source", "utm_medium", "utm_campaign", "referrer")
    }
    place = {name: f"place.{name}" for name in ("country_code", "country", "region", "city")}
    agent = "'Mozilla/5.0'" if plan.is_brief else f"'{_AGENT}'"
    yield "visit", every(visits), (
        f"JOIN pick ON pick.slot = {_hash('n', 0, SLOTS)} JOIN place ON place.slot = {_hash('n', 77, len(_PLACES))}"
    ), site | source | place | {
        "id": "n", "visitor_id": person, "first_visit": "n", "started_at": when("n"),
        "last_seen_at": when("n", 90_000), "pageviews": "1 + n % 4",
        "landing_page": "'https://shop.example/p/' || (n % 5000)", "domain": "'shop.example'", "ip": "'203.0.113.0'",
        "device": "'desktop'", "os": "'Windows'", "browser": "'Chrome'", "user_agent": agent,
        "language": "'de-DE'", "params": "'{}'",
    }  # fmt: skip
    recent = visits * MONTH_MS // YEARS_MS
    late = f"({visits - recent} + n)"
    yield "pageview", every(recent), "", site | {
        "id": "n", "visit_id": late, "page": "'https://shop.example/p/' || (n % 5000)", "title": "'Shop'",
        "referrer": "''", "seen_at": when(late),
    }  # fmt: skip
    coded = "('sales+k' || n || '@shop.example')"
    yield "lease", late_ones(visits // 3), "", site | {
        "id": "3 * n", "target_id": str(plan.coded), "strategy": "'plus'", "address": coded, "address_key": coded,
        "visit_id": "3 * n", "visitor_id": person.replace("n", "(3 * n)"), "guessable": no, "shared": no,
        "leased_at": when("(3 * n)"), "last_seen_at": when("(3 * n)", 90_000), "expires_at": when("(3 * n)", 990_000),
    }  # fmt: skip
    lent = "('help-' || (n % 2000) || '@shop.example')"
    yield "lease", late_ones(visits // 10), "", site | {
        "id": f"{visits} * 2 + n", "target_id": str(plan.pooled), "strategy": "'pool'", "address": lent,
        "address_key": lent, "visit_id": "10 * n", "visitor_id": person.replace("n", "(10 * n)"), "guessable": no,
        "shared": no, "leased_at": when("(10 * n)"), "last_seen_at": when("(10 * n)", 90_000),
        "expires_at": when("(10 * n)", 990_000),
    }  # fmt: skip
    yield "intent", late_ones(visits // 3), "", site | {
        "id": "n", "visit_id": "3 * n", "kind": "'visible'", "address": coded, "page": "''",
        "seen_at": when("(3 * n)", 20_000),
    }  # fmt: skip
    yield "intent", late_ones(visits // 60), "", site | {
        "id": f"{visits} + n", "visit_id": "60 * n", "address": coded, "page": "''",
        "kind": "CASE n % 3 WHEN 0 THEN 'copy' WHEN 1 THEN 'mailto' ELSE 'select' END",
        "seen_at": when("(60 * n)", 60_000),
    }  # fmt: skip
    letters = visits // 200

    def wrote(word: str, every: int) -> str:
        return f"CASE WHEN n % {every} = {min(7, every - 1)} THEN '{word} ' ELSE '' END"

    phrases = " ".join(f"JOIN phrase AS p{k} ON p{k}.slot = {_hash('n', 1000 * k, len(_PHRASES))}" for k in range(1, 7))
    body = " || ".join(f"p{k}.words" for k in range(1, 7))
    writer = f"('lead' || {_hash('n', 5, max(2, letters * 3 // 4))} || '@customer.example')"
    yield "message", every(letters), phrases, site | {
        "id": "n", "mailbox_id": "1", "folder_id": "1", "uidvalidity": "1", "uid": "n",
        "folder_kind": "CASE WHEN n % 50 = 0 THEN 'junk' ELSE 'inbox' END", "sha256": "'00' || n", "size": "4000",
        "truncated": no, "status": "'sorted'", "status_reason": "''", "tries": "1",
        "arrived_at": when("(200 * n)", 3_600_000), "stored_at": when("(200 * n)", 3_601_000),
        "written_at": when("(200 * n)", 3_590_000), "message_id": "'<' || n || '@customer.example>'",
        "subject": "'About order ' || n", "from_address": writer, "from_name": "'Lead ' || (n % 997)",
        "to_address": "('sales+k' || (200 * n) || '@shop.example')",
        "text": f"{body} || {wrote(SOME, _SOME_EVERY)} || {wrote(PHRASE, max(1, letters // _RARE_LETTERS))}",
        "has_html": no, "historic": no,
        "automatic": "CASE WHEN n % 20 = 3 THEN 'its own word' ELSE '' END", "first_of_thread": yes,
    }  # fmt: skip
    yield "message_address", every(letters), "", site | {
        "message_id": "n", "number": "1", "role": "'to'", "name": "''",
        "address": "('sales+k' || (200 * n) || '@shop.example')",
    }  # fmt: skip
    matched = "n % 5 <> 0"
    yield "match", every(letters), "", site | {
        "message_id": "n", "visit_id": f"CASE WHEN {matched} THEN 200 * n END",
        "rule": f"CASE WHEN {matched} THEN 'code' ELSE 'none' END", "reasons": "'[]'", "candidates": "'[]'",
        "confidence": f"CASE WHEN {matched} THEN 1.0 ELSE 0.0 END", "matched_at": when("(200 * n)", 3_602_000),
    }  # fmt: skip
    yield "deal", every(letters // 12), "", site | {
        "subject_id": "12 * n", "number": "'D-' || n", "value": "10000 * (n % 900)", "currency": "'EUR'",
        "recorded_at": when("(2400 * n)", 7_200_000),
    }  # fmt: skip
    sends = visits // 20
    yield "contact", every(max(1, sends // 5)), "", site | {
        "id": "n", "email": "'reader' || n || '@customer.example'", "name": "''", "reference": "''",
        "consent": "'unknown'", "consent_method": "''", "mode": "'all'", "emails_sent_count": "5",
        "emails_opened_count": "2", "emails_clicked_count": "1", "created_at": str(begin),
    }  # fmt: skip
    yield "send", every(sends), "", site | {
        "id": "n", "contact_id": f"1 + n % {max(1, sends // 5)}", "subject": "'News'", "reference": "''",
        "list": "CASE WHEN n % 3 = 0 THEN 'news' ELSE '' END", "tracks_opens": yes, "tracks_clicks": yes,
        "note": "''", "status": "'delivered'", "status_at": when("(20 * n)", 5_000), "created_at": when("(20 * n)"),
        "opened_at": f"CASE WHEN n % 5 < 2 THEN {when('(20 * n)', 3_000_000)} END",
        "last_opened_at": f"CASE WHEN n % 5 < 2 THEN {when('(20 * n)', 3_000_000)} END", "opens": "n % 5 / 2",
        "clicked_at": f"CASE WHEN n % 5 = 0 THEN {when('(20 * n)', 3_060_000)} END",
        "last_clicked_at": f"CASE WHEN n % 5 = 0 THEN {when('(20 * n)', 3_060_000)} END", "clicks": "0",
        "open_told": yes, "click_told": yes,
    }  # fmt: skip
    yield "send_notice", every(sends), "", site | {
        "id": "n", "send_id": "n", "detail": "''",
        "status": "CASE WHEN n % 40 = 0 THEN 'failed' ELSE 'delivered' END",
        "happened_at": when("(20 * n)", 5_000), "told_at": when("(20 * n)", 6_000),
    }  # fmt: skip


def _once(plan: Plan, yes: str) -> Iterator[tuple[str, Table]]:
    """Single rows."""
    site = {"site_id": str(plan.site_id)}
    yield "mailbox", site | {
        "id": "1", "name": "'sales'", "host": "'imap.example'", "port": "993", "security": "'tls'",
        "username": "'sales'", "password": "''", "ca_file": "''", "enabled": yes, "status": "'ok'",
        "status_detail": "''", "watcher": "''", "revision": "1", "created_at": "0",
    }  # fmt: skip
    yield "folder", site | {
        "id": "1", "mailbox_id": "1", "name": "'INBOX'", "kind": "'inbox'", "since": "'new'", "last_uid": "0",
        "baselined": yes,
    }  # fmt: skip


def _helpers() -> Iterator[tuple[str, str, list[tuple[object, ...]]]]:
    """Small tables that values are picked from: name, columns, rows."""
    known = sources()
    columns = "marker TEXT, channel TEXT, source_levels TEXT, utm_source TEXT, utm_medium TEXT, utm_campaign TEXT,"
    rows = [
        (slot, one.marker, one.channel, one.levels, one.utm_source, one.utm_medium, one.utm_campaign, one.referrer)
        for slot, place in enumerate(slots(len(known)))
        for one in (known[place],)
    ]
    yield "pick", f"{columns} referrer TEXT", rows
    yield (
        "place",
        "country_code TEXT, country TEXT, region TEXT, city TEXT",
        [(n, *one) for n, one in enumerate(_PLACES)],
    )
    yield "phrase", "words TEXT", [(n, one) for n, one in enumerate(_PHRASES)]


_TRAITS = {
    **{
        name: f"v.{name}"
        for name in ("marker", "channel", "utm_source", "utm_medium", "utm_campaign", "city", "region", "country")
    },
    "source": "CASE WHEN v.marker <> ''"
    " THEN substr(v.source_levels, 3, instr(substr(v.source_levels, 3), '\"') - 1) END",
}


def _traits(is_sqlite: bool) -> Iterator[str]:
    """Letters by values of their visit, from the rows of both, which are read once."""
    columns = ", ".join(
        f"{one if is_sqlite else one.replace('instr(', 'strpos(')} AS {name}" for name, one in _TRAITS.items()
    )
    joined = (
        f"SELECT m.site_id, m.arrived_at, m.id AS message_id, {columns} FROM match AS f"
        " JOIN visit AS v ON v.site_id = f.site_id AND v.id = f.visit_id"
        " JOIN message AS m ON m.site_id = f.site_id AND m.id = f.message_id"
    )
    yield f"CREATE TEMP TABLE sourced AS {joined}"
    for name in _TRAITS:
        yield (
            f"INSERT INTO trait (site_id, name, value, arrived_at, message_id) SELECT site_id, '{name}', {name},"
            f" arrived_at, message_id FROM sourced WHERE {name} <> ''"
        )


_FRESH = (
    "INSERT INTO search_fresh (site_id, arrived_at, message_id) SELECT site_id, arrived_at, id FROM message"
    " ORDER BY site_id, arrived_at, id"
)
"""No letter is indexed yet."""

Told = Callable[[str], None]


def fill_sqlite(url: str, plan: Plan, told: Told) -> None:
    """Into the migrated, else empty database at ``url``."""
    connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    for name, columns, rows in _helpers():
        connection.execute(f"CREATE TEMP TABLE {name} (slot INTEGER PRIMARY KEY, {columns})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    for name, values in _once(plan, "1"):
        connection.execute(f"INSERT INTO {name} ({', '.join(values)}) SELECT {', '.join(values.values())}")
    for name, numbered, joins, values in _tables(plan, "1", "0"):
        began = time.perf_counter()
        for first in numbered[::_SLICE]:
            last = min(numbered[-1], first + _SLICE - 1)
            numbers = f"WITH RECURSIVE count(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM count WHERE n < {last})"
            connection.execute(
                f"INSERT INTO {name} ({', '.join(map(_quoted, values))}) {numbers}"
                f" SELECT {', '.join(values.values())} FROM count {joins.replace('JOIN', 'CROSS JOIN')}"
            )
        told(f"{name:<16} {len(numbered):>12,}  {time.perf_counter() - began:6.1f} s")
    connection.execute(
        f"INSERT OR REPLACE INTO visit_counter (site_id, next) VALUES ({plan.site_id}, {plan.visits + 1})"
    )
    for statement in (*_traits(is_sqlite=True), _FRESH):
        connection.execute(statement)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


async def fill_postgresql(url: str, plan: Plan, told: Told) -> None:
    """Into the migrated, else empty database at ``url``. Indices of large tables are made after their rows."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET maintenance_work_mem = '1GB'; SET synchronous_commit = off; SET jit = off")
    for name, columns, rows in _helpers():
        await connection.execute(f"CREATE TEMP TABLE {name} (slot INTEGER PRIMARY KEY, {columns})")
        await connection.copy_records_to_table(name, records=rows)
        await connection.execute(f"ANALYZE {name}")
    for name, values in _once(plan, "true"):
        await connection.execute(f"INSERT INTO {name} ({', '.join(values)}) SELECT {', '.join(values.values())}")
    parts = list(_tables(plan, "true", "false"))
    indices = await connection.fetch(
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1)"
        " AND indexname NOT LIKE 'pk_%'",
        [name for name, *_ in parts],
    )
    for row in indices:
        await connection.execute(f'DROP INDEX "{row["indexname"]}"')
    for place, (name, numbered, joins, values) in enumerate(parts):
        began = time.perf_counter()
        async with connection.transaction():
            if name not in (part[0] for part in parts[:place]):  # a file made in the transaction needs no log
                await connection.execute(f'TRUNCATE "{name}"')
            await connection.execute(
                f"INSERT INTO {name} ({', '.join(map(_quoted, values))}) SELECT {', '.join(values.values())}"
                f" FROM generate_series({numbered.start}::bigint, {numbered.stop - 1}) AS n {joins}"
            )
        told(f"{name:<16} {len(numbered):>12,}  {time.perf_counter() - began:6.1f} s")
    for row in indices:
        began = time.perf_counter()
        await connection.execute(row["indexdef"])
        told(f"{row['indexname']:<30} {time.perf_counter() - began:6.1f} s")
    await connection.execute(
        f"INSERT INTO visit_counter (site_id, next) VALUES ({plan.site_id}, {plan.visits + 1})"
        " ON CONFLICT (site_id) DO UPDATE SET next = excluded.next"
    )
    for statement in (*_traits(is_sqlite=False), _FRESH):
        await connection.execute(statement)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _quoted(name: str) -> str:
    return f'"{name}"'
