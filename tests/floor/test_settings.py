"""The settings file: documented whole, wrong keys and values named."""

import itertools
from pathlib import Path

import msgspec
import pytest

from wherefrom.errors import SettingsError
from wherefrom.settings import Settings, load_settings

PROJECT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_the_documented_file_holds_every_key_with_its_default(tmp_path: Path) -> None:
    import tomllib

    documented = tomllib.loads((PROJECT / "settings.toml").read_text())
    assert documented == msgspec.json.decode(msgspec.json.encode(Settings()))


def test_every_key_of_the_documented_file_is_explained_in_words() -> None:
    lines = (PROJECT / "settings.toml").read_text().splitlines()
    bare = [
        line
        for above, line in itertools.pairwise(lines)
        if "=" in line and not line.startswith("#") and not above.startswith("#")
    ]
    told_by_the_line_before = {"port = 8025", 'visits_path = "/v1/visits"', 'signals_path = "/v1/signals"'}
    assert set(bare) == told_by_the_line_before


def test_no_file_gives_the_defaults() -> None:
    assert load_settings(None, {}).server == Settings().server


def test_paths_are_relative_to_the_file_not_to_the_working_directory(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[geo]\nfile = "city.mmdb"\n'), {})
    assert settings.geo.file == str(tmp_path / "city.mmdb")
    assert settings.database.url == f"sqlite:///{tmp_path}/data/wherefrom.db"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nprot = 1\n", ["settings.toml", "unknown setting server.prot", "port"]),
        ("[sever]\nport = 1\n", ["settings.toml", "unknown setting sever", "server"]),
        ('[server]\nport = "many"\n', ["settings.toml", "server.port", "expected `int`"]),
        ("[server]\nport = 70000\n", ["settings.toml", "server.port", "<= 65535"]),
        ('[visits]\nip = "half"\n', ["settings.toml", "visits.ip", "half"]),
        ('[visits]\nsource_parameter = "a b"\n', ["settings.toml", "visits.source_parameter", "[a-z]"]),
        ('[webhooks]\nallow = ["10.0.0.0/99"]\n', ["webhooks.allow", "10.0.0.0/99", "10.0.0.0/8"]),
        ("[server\n", ["settings.toml", "not valid TOML", "line 1"]),
        ("[oauth.google]\nid = 1\n", ["settings.toml", "unknown setting oauth.google.id", "client_id, client_secret"]),
        ("[oauth.gogle]\n", ["settings.toml", "unknown setting oauth.gogle", "google, microsoft"]),
        ('[oauth.custom]\nclient_id = "x"\nauthorize_url = "https://a.example"\n', ["oauth.custom.token_url", "empty"]),
        ('[oauth.microsoft]\ntenant = "a/b"\n', ["settings.toml", "oauth.microsoft.tenant"]),
        (
            '[smtp]\nhost = "h"\nsender = "a@b.example"\noauth = "google"\n',
            ["settings.toml", "smtp.oauth", "smtp.username"],
        ),
        ('[server]\npublic_url = "company.com"\n', ["settings.toml", "server.public_url", "https?://"]),
    ],
)
def test_a_wrong_setting_is_refused_with_key_file_and_accepted_form(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text), {})
    for word in words:
        assert word in str(caught.value)


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: there is no such file") as caught:
        load_settings(tmp_path / "absent.toml", {})
    assert "--settings" in caught.value.hint


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nport = 1000\n[mail]\npoll_seconds = 7\n")
    settings = load_settings(path, {"WHEREFROM_SERVER_PORT": "2000", "WHEREFROM_WEBHOOKS_ALLOW": "10.0.0.0/8, ::1/128"})
    assert settings.server.port == 2000
    assert settings.mail.poll_seconds == 7
    assert settings.webhooks.allow == ("10.0.0.0/8", "::1/128")


def test_the_environment_reaches_groups_within_groups(tmp_path: Path) -> None:
    path = write(tmp_path, '[oauth.google]\nclient_id = "from the file"\n')
    told = {"WHEREFROM_OAUTH_GOOGLE_CLIENT_SECRET": "s3cret", "WHEREFROM_OAUTH_CUSTOM_PORT": "143"}
    oauth = load_settings(path, told).oauth
    assert (oauth.google.client_id, oauth.google.client_secret, oauth.custom.port) == ("from the file", "s3cret", 143)
    with pytest.raises(SettingsError, match=r"WHEREFROM_OAUTH_GOOGLE_CLIENT.*unknown setting oauth\.google\.client"):
        load_settings(path, {"WHEREFROM_OAUTH_GOOGLE_CLIENT": "x"})


def test_a_wrong_value_in_the_environment_names_the_variable() -> None:
    with pytest.raises(SettingsError, match="WHEREFROM_SERVER_PORT"):
        load_settings(None, {"WHEREFROM_SERVER_PORT": "many"})
    with pytest.raises(SettingsError, match=r"WHEREFROM_SERVER_PROT.*unknown setting server\.prot"):
        load_settings(None, {"WHEREFROM_SERVER_PROT": "1"})


def test_a_wrong_list_in_the_environment_names_the_variable() -> None:
    with pytest.raises(SettingsError, match="WHEREFROM_WEBHOOKS_RETRY_SECONDS"):
        load_settings(None, {"WHEREFROM_WEBHOOKS_RETRY_SECONDS": "a,b"})
    with pytest.raises(SettingsError, match=r"WHEREFROM_WEBHOOKS_ALLOW: webhooks\.allow: “10\.0\.0\.7/8”"):
        load_settings(None, {"WHEREFROM_WEBHOOKS_ALLOW": "10.0.0.7/8"})


def test_text_in_the_file_is_not_taken_for_a_number_even_when_the_environment_is_used(tmp_path: Path) -> None:
    path = write(tmp_path, '[server]\nport = "1000"\n')
    with pytest.raises(SettingsError, match=r"server\.port"):
        load_settings(path, {"WHEREFROM_LOG_LEVEL": "debug"})


def test_every_switch_and_number_of_a_file_reaches_the_settings(tmp_path: Path) -> None:
    """One by one: what is made of one key of a group (a path, say) must not cost the others."""
    tried = 0
    for group in msgspec.structs.fields(Settings):
        for key in msgspec.structs.fields(group.type):
            default = getattr(getattr(Settings(), group.name), key.name)
            if isinstance(default, bool):
                value, written = not default, str(not default).lower()
            elif isinstance(default, int):
                value = default + 1 if default + 1 < 65_536 or default > 65_536 else default - 1
                written = str(value)
            else:
                continue
            file = tmp_path / "settings.toml"
            file.write_text(f"[{group.name}]\n{key.name} = {written}\n")
            try:
                read = load_settings(file, {})
            except SettingsError:  # the default is the largest there may be
                file.write_text(f"[{group.name}]\n{key.name} = {default - 1}\n")
                read, value = load_settings(file, {}), default - 1
            assert getattr(getattr(read, group.name), key.name) == value, (group.name, key.name)
            tried += 1
    assert tried > 30
