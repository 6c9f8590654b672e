"""The script's names."""

from __future__ import annotations

import pytest

from wherefrom.settings import CollectorGroup, Server, Settings
from wherefrom.visits.script import kind_path, load_script, script_tag, split_version, versioned_path


@pytest.mark.parametrize(
    ("path", "versioned"),
    [
        ("/wf.js", "/wf.1a2b3c4d.js"),
        ("/assets/app.min.js", "/assets/app.min.1a2b3c4d.js"),
        ("/a/b.c/hello", "/a/b.c/hello.1a2b3c4d"),
    ],
)
def test_a_version_goes_before_the_extension(path: str, versioned: str) -> None:
    assert versioned_path(path, "1a2b3c4d") == versioned


@pytest.mark.parametrize(
    ("path", "full"),
    [
        ("/wf.js", "/wf-full.js"),
        ("/assets/app.min.js", "/assets/app.min-full.js"),
        ("/a/b.c/hello", "/a/b.c/hello-full"),
    ],
)
def test_the_full_script_lies_beside_the_core(path: str, full: str) -> None:
    assert kind_path(path, "full") == full
    assert kind_path(path, "") == path


def test_what_a_versioned_core_asks_for_names_version_and_kind() -> None:
    assert split_version("1a2b3c4d") == ("1a2b3c4d", "")
    assert split_version("1a2b3c4d-full") == ("1a2b3c4d", "full")
    assert split_version("1a2b3c4d-other") == ("1a2b3c4d-other", "")
    assert split_version("-full") == ("-full", "")


def test_the_version_is_short_and_of_the_content() -> None:
    assert len(load_script().version) == 8
    assert int(load_script().version, 16) >= 0


def test_the_tag_that_moves_no_line_has_the_browser_wait_for_the_full_script() -> None:
    assert script_tag(Settings(), "wf_1", before_paint=True) == (
        '<script async blocking="render" src="http://127.0.0.1:8025/wf-full.js" data-site="wf_1"></script>'
    )


def test_the_tag_names_the_doors_only_when_they_are_not_beside_the_script() -> None:
    assert (
        script_tag(Settings(), "wf_1") == '<script async src="http://127.0.0.1:8025/wf.js" data-site="wf_1"></script>'
    )
    renamed = Settings(
        server=Server(public_url="https://company.com/in/"),
        collector=CollectorGroup(script_path="/s/hello.js", visits_path="/s/v1/visits", signals_path="/s/bye"),
    )
    assert script_tag(renamed, 'wf_"<') == (
        '<script async src="https://company.com/in/s/hello.js" data-site="wf_&quot;&lt;"'
        ' data-signals="https://company.com/in/s/bye"></script>'
    )
