"""The settings file: every key, its default, its accepted form. Documented for people in ``settings.toml``.

Reading checks everything at once and refuses unknown keys, so that a typing error stops the start rather than being
ignored. Paths in the file are relative to the file's own folder. Environment variables ``WHEREFROM_GROUP_KEY`` (for
example ``WHEREFROM_DATABASE_URL``) win over the file.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from wherefrom.addresses import find_address
from wherefrom.errors import SettingsError

Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
UrlPath = Annotated[str, Meta(pattern=r"^/[A-Za-z0-9._~/-]+$")]
HttpUrl = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")]


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all groups."""


class Server(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bind: str = "127.0.0.1"
    port: Port = 8025
    health_port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    public_url: HttpUrl = "http://127.0.0.1:8025"
    trusted_proxies: tuple[str, ...] = ()
    grace_seconds: Annotated[int, Meta(ge=1, le=600)] = 5
    leaving_seconds: Annotated[int, Meta(ge=0, le=60)] = 0


class Limits(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    connections: Annotated[int, Meta(ge=16, le=100_000)] = 2_000
    head_seconds: Annotated[int, Meta(ge=1, le=600)] = 10
    body_seconds: Annotated[int, Meta(ge=1, le=3600)] = 60
    waiting_writes: Annotated[int, Meta(ge=64, le=4_096)] = 512
    requests: Annotated[int, Meta(ge=8, le=10_000)] = 256
    visits_per_address: Annotated[int, Meta(ge=0)] = 600
    visits_per_site: Annotated[int, Meta(ge=0)] = 0
    requests_per_address: Annotated[int, Meta(ge=0)] = 3_000


class DatabaseGroup(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str = "sqlite:///data/wherefrom.db"
    timeout_seconds: Annotated[int, Meta(ge=1, le=3600)] = 60


class Data(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    folder: str = "data"
    key_file: str = "data/secret.key"
    shared: bool = False


class CollectorGroup(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    script_path: UrlPath = "/wf.js"
    visits_path: UrlPath = "/v1/visits"
    signals_path: UrlPath = "/v1/signals"
    max_body: Annotated[int, Meta(ge=1024, le=1_048_576)] = 16_384
    max_addresses: Annotated[int, Meta(ge=1, le=500)] = 50


class Visits(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    idle_minutes: Positive = 30
    ip: Literal["whole", "truncated", "none"] = "truncated"
    source_parameter: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] = "wf"
    click_minutes: Annotated[int, Meta(ge=0, le=1440)] = 30


class Geo(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    file: str = ""


class SubstitutionGroup(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hold_minutes: Positive = 15
    cooldown_minutes: Annotated[int, Meta(ge=0)] = 0
    heartbeat_seconds: Annotated[int, Meta(ge=5, le=3600)] = 60


class Mail(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    poll_seconds: Positive = 60
    idle_renew_seconds: Annotated[int, Meta(ge=10, le=1740)] = 540
    socket_timeout_seconds: Positive = 60
    max_letter_bytes: Annotated[int, Meta(ge=65_536)] = 52_428_800
    batch: Annotated[int, Meta(ge=1, le=500)] = 200
    allow: tuple[str, ...] = ("0.0.0.0/0", "::/0")


class Smtp(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: str = ""
    port: Port = 587
    security: Literal["tls", "starttls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    oauth: Literal["", "google", "microsoft", "yandex", "mailru", "custom"] = ""
    sender: str = ""
    ca_file: str = ""
    timeout_seconds: Annotated[int, Meta(ge=1, le=300)] = 30


class OauthClient(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    client_id: str = ""
    client_secret: str = ""


class OauthMicrosoft(OauthClient, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tenant: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,200}$")] = "common"


class OauthCustom(OauthClient, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = ""
    authorize_url: str = ""
    token_url: str = ""
    scopes: str = ""
    host: str = ""
    port: Port = 993
    security: Literal["tls", "starttls", "none"] = "tls"


class Oauth(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group for each provider; one without ``client_id`` is not offered."""

    google: OauthClient = field(default_factory=OauthClient)
    microsoft: OauthMicrosoft = field(default_factory=OauthMicrosoft)
    yandex: OauthClient = field(default_factory=OauthClient)
    mailru: OauthClient = field(default_factory=OauthClient)
    custom: OauthCustom = field(default_factory=OauthCustom)


class Probes(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    every_hours: Positive = 24
    lost_minutes: Positive = 60
    wait_seconds: Annotated[int, Meta(ge=1, le=300)] = 30


class Webhooks(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    timeout_seconds: Annotated[int, Meta(ge=1, le=120)] = 15
    max_answer_bytes: Annotated[int, Meta(ge=1024)] = 65_536
    allow: tuple[str, ...] = ()
    retry_seconds: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (
        5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    )  # fmt: skip
    disable_after_days: Positive = 5
    link_days: Positive = 30


class Sending(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    timeout_seconds: Annotated[int, Meta(ge=1, le=300)] = 60
    retry_seconds: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (60, 300, 900, 1_800, 3_600, 7_200, 14_400)
    give_up_hours: Positive = 120


class Retention(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days; 0 for ever."""

    letters_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    visits_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    deliveries_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    events_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    engagements_days: Annotated[int, Meta(ge=0, le=36_500)] = 0


class Console(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    session_days: Positive = 14


class Metrics(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: str = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0


class Log(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All groups. ``Settings()`` is a whole set of defaults."""

    server: Server = field(default_factory=Server)
    limits: Limits = field(default_factory=Limits)
    database: DatabaseGroup = field(default_factory=DatabaseGroup)
    data: Data = field(default_factory=Data)
    collector: CollectorGroup = field(default_factory=CollectorGroup)
    visits: Visits = field(default_factory=Visits)
    geo: Geo = field(default_factory=Geo)
    substitution: SubstitutionGroup = field(default_factory=SubstitutionGroup)
    mail: Mail = field(default_factory=Mail)
    smtp: Smtp = field(default_factory=Smtp)
    oauth: Oauth = field(default_factory=Oauth)
    probes: Probes = field(default_factory=Probes)
    webhooks: Webhooks = field(default_factory=Webhooks)
    sending: Sending = field(default_factory=Sending)
    retention: Retention = field(default_factory=Retention)
    console: Console = field(default_factory=Console)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)


def load_settings(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of ``path`` (defaults when None) with the environment's on top.

    SettingsError names the key, the file or variable, and what is accepted there.
    """
    env = os.environ if environment is None else environment
    tree = _read(path) if path else {}
    _convert(tree, path, {})
    sources = {variable: _overlay(tree, variable, env[variable]) for variable in sorted(env) if _is_ours(variable)}
    settings = _convert(tree, path, sources)
    for key, networks in (
        ("server.trusted_proxies", settings.server.trusted_proxies),
        ("webhooks.allow", settings.webhooks.allow),
        ("mail.allow", settings.mail.allow),
    ):
        _check_networks(f"{_where(path, sources, key)}: {key}", networks)
    if settings.smtp.host and find_address(settings.smtp.sender) is None:
        raise SettingsError(
            f"{_where(path, sources, 'smtp.sender')}: smtp.sender: “{settings.smtp.sender[:80]}” is no address; "
            "with smtp.host set it must name who the letters are from, like wherefrom@company.com"
        )
    custom = settings.oauth.custom
    for key in ("authorize_url", "token_url", "scopes", "host"):
        if custom.client_id and not getattr(custom, key):
            place = _where(path, sources, f"oauth.custom.{key}")
            raise SettingsError(f"{place}: oauth.custom.{key}: with oauth.custom.client_id set it must not be empty")
    if settings.smtp.oauth and not (settings.smtp.username and not settings.smtp.password):
        raise SettingsError(
            f"{_where(path, sources, 'smtp.oauth')}: smtp.oauth: “{settings.smtp.oauth}” goes with smtp.username, the "
            "account's address, and without smtp.password"
        )
    return _anchor(settings, path.resolve().parent if path else Path.cwd())


def _convert(tree: dict[str, Any], path: Path | None, sources: Mapping[str, str]) -> Settings:
    """Variables are text, so numbers are read from text when there are any; the file alone is read strictly."""
    try:
        return msgspec.convert(tree, Settings, strict=not sources)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error), path, sources)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: there is no such file",
            hint="name the file with --settings, or copy settings.toml from the project",
        ) from None
    except (ValueError, RecursionError) as error:  # TOML's own errors, no UTF-8, a number without end, too deep
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None


def _is_ours(variable: str) -> bool:
    group = variable.removeprefix("WHEREFROM_").partition("_")[0].lower()
    return variable.startswith("WHEREFROM_") and group in Settings.__struct_fields__


def _overlay(tree: dict[str, Any], variable: str, text: str) -> str:
    """Puts one variable's text into ``tree``; lists are written with commas. Answers the dotted key."""
    *groups, key = place = _place(variable)
    inside: Any = tree
    default: Any = Settings()
    for group in groups:
        inside = inside.setdefault(group, {}) if isinstance(inside, dict) else None
        default = getattr(default, group)
    default = getattr(default, key, None)
    if isinstance(inside, dict):
        inside[key] = [part.strip() for part in text.split(",") if part.strip()] if isinstance(default, tuple) else text
    return ".".join(place)


def _place(variable: str) -> tuple[str, ...]:
    """``WHEREFROM_OAUTH_GOOGLE_CLIENT_ID`` is ("oauth", "google", "client_id"), where a group has groups in it."""
    group, _, key = variable.removeprefix("WHEREFROM_").lower().partition("_")
    inner, _, rest = key.partition("_")
    if isinstance(getattr(getattr(Settings(), group), inner, None), Group):
        return group, inner, rest
    return group, key


def _explain(message: str, path: Path | None, sources: Mapping[str, str]) -> str:
    """Turns msgspec's words (``Expected `int`, got `str` - at `$.server.port` ``) into key, place and form."""
    problem, _, place = message.partition(" - at ")
    key = place.strip("`").removeprefix("$.").removeprefix("$")
    if "unknown field" in problem:
        name = problem.split("`")[1]
        full = f"{key}.{name}" if key else name
        known = _known(key)
        return f"{_where(path, sources, full)}: unknown setting {full}; known here: {', '.join(known)}"
    return f"{_where(path, sources, key)}: {key or 'the file'}: {problem[0].lower()}{problem[1:]}"


def _known(key: str) -> tuple[str, ...]:
    """The names that may stand in the group of this dotted key, or in the file itself."""
    group: Any = Settings()
    for name in filter(None, key.split(".")):
        group = getattr(group, name, None)
    return group.__struct_fields__ if isinstance(group, Group) else Settings.__struct_fields__


def _where(path: Path | None, sources: Mapping[str, str], key: str) -> str:
    for variable, named in sources.items():
        if named == key.partition("[")[0]:
            return f"environment variable {variable}"
    return str(path) if path else "settings"


def _check_networks(key: str, networks: tuple[str, ...]) -> None:
    for text in networks:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise SettingsError(
                f"{key}: “{text}” is no network ({error}); write it like 10.0.0.0/8 or ::1/128"
            ) from None


def _anchor(settings: Settings, folder: Path) -> Settings:
    """Makes the file's relative paths absolute, so that the working directory does not matter."""

    def absolute(text: str) -> str:
        return str(folder / Path(text).expanduser()) if text else text

    url = settings.database.url
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        url = "sqlite:///" + absolute(url.removeprefix("sqlite:///"))
    return msgspec.structs.replace(
        settings,
        database=msgspec.structs.replace(settings.database, url=url),
        data=msgspec.structs.replace(
            settings.data, folder=absolute(settings.data.folder), key_file=absolute(settings.data.key_file)
        ),
        geo=msgspec.structs.replace(settings.geo, file=absolute(settings.geo.file)),
        smtp=msgspec.structs.replace(settings.smtp, ca_file=absolute(settings.smtp.ca_file)),
    )
