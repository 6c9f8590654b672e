"""The script's names."""

from __future__ import annotations

import pytest

from wherefrom.visits.script import load_script, versioned_path


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


def test_the_version_is_short_and_of_the_content() -> None:
    assert len(load_script().version) == 8
    assert int(load_script().version, 16) >= 0
