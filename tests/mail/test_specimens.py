"""Each letter in `specimens/` and what its line in the index says must come out of it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from wherefrom.mail.letter import Letter, Party
from wherefrom.mail.parse import parse_letter

FOLDER = Path(__file__).parent / "specimens"
INDEX: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "index.toml").read_text("utf-8"))


@pytest.mark.parametrize("name", INDEX)
def test_a_specimen_comes_out_as_its_line_says(name: str) -> None:
    expected = {key: value for key, value in INDEX[name].items() if key != "proves"}
    letter = parse_letter((FOLDER / f"{name}.eml").read_bytes())
    shown = show(letter)
    assert {key: shown[key] for key in expected} == expected, INDEX[name]["proves"]


def test_every_specimen_is_in_the_index_with_what_it_proves() -> None:
    assert {path.stem for path in FOLDER.glob("*.eml")} == set(INDEX)
    assert all(len(line) > 1 and line["proves"] for line in INDEX.values())


def test_trust_falls_from_what_the_final_server_wrote_to_what_any_hop_noted() -> None:
    letter = parse_letter((FOLDER / "trust-order.eml").read_bytes())
    assert [one.trust for one in letter.recipients] == [8, 7, 6, 5, 5, 4, 3, 3, 2, 1]
    assert letter.recipients[6].name == "Sales"


def show(letter: Letter) -> dict[str, Any]:
    """A letter in the index's notation."""
    return {
        "message_id": letter.message_id or "",
        "subject": letter.subject,
        "from": party(letter.from_),
        "reply_to": party(letter.reply_to),
        "recipients": [f"{one.role} {one.address.text}" for one in letter.recipients],
        "written_at": letter.written_at.isoformat() if letter.written_at else "",
        "received_header_at": letter.received_header_at.isoformat() if letter.received_header_at else "",
        "in_reply_to": letter.in_reply_to or "",
        "references": list(letter.references),
        "text": letter.text,
        "has_html": letter.html is not None,
        "attachments": [
            f"{one.name} {one.content_type} {one.size}{' inline' if one.inline else ''}" for one in letter.attachments
        ],
        "automatic": letter.automatic or "",
        "is_list": letter.is_list,
        "defects": list(letter.defects),
    }


def party(one: Party | None) -> str:
    return f"{one.name} <{one.address.text if one.address else ''}>" if one else ""
