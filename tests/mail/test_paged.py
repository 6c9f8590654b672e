"""A letter on the disk answers as its bytes in memory do."""

import base64
import quopri
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.mail import paged, transfer
from wherefrom.mail.letter import Attachment
from wherefrom.mail.paged import Paged
from wherefrom.mail.parse import parse_letter
from wherefrom.mail.transfer import decode_in_pieces

SPECIMENS = sorted(Path(__file__).parent.joinpath("specimens").rglob("*.eml"))


@pytest.fixture(autouse=True, scope="module")
def tiny() -> Iterator[None]:
    """Pages and pieces of a few bytes, so that every border is met."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paged, "_PAGE", 64)
        patch.setattr(paged, "_STRIDE", 128)
        patch.setattr(transfer, "_WHOLE", 0)
        patch.setattr(transfer, "_PIECE", 7)
        patch.setattr(transfer, "_LONGEST_LINE", 40)
        yield


@given(st.data(), st.binary(max_size=600))
def test_looking_and_searching_answer_as_bytes_do(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "letter"
    path.write_bytes(raw)
    places = st.integers(-5, len(raw) + 5)
    with Paged(path) as letter:
        assert len(letter) == len(raw)
        for _ in range(5):
            start, end = data.draw(places), data.draw(places)
            assert letter[start:end] == raw[start:end]
            wanted = raw[start : start + data.draw(st.integers(1, 9))] or b"absent"
            assert letter.find(wanted, max(0, end)) == raw.find(wanted, max(0, end))
            assert letter.find(wanted, 0, max(0, end)) == raw.find(wanted, 0, max(0, end))
            if 0 <= start < len(raw):
                assert letter[start] == raw[start]


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda path: path.stem)
def test_a_letter_read_on_the_disk_is_the_letter_read_in_memory(specimen: Path) -> None:
    raw = specimen.read_bytes()
    if b"\n" not in raw:
        pytest.skip("lines ended the way of old Macs are no large letter's")
    here = parse_letter(raw)
    with Paged(specimen) as letter:
        there = parse_letter(letter)
        files = [b"".join(decode_in_pieces(one)) for one in there.attachments]
    names = [name for name in here.__slots__ if name != "attachments"]
    assert [getattr(there, name) for name in names] == [getattr(here, name) for name in names]
    assert [one.name for one in there.attachments] == [one.name for one in here.attachments]
    uncommon = [one.encoding.endswith(("uue", "uuencode")) for one in here.attachments]
    assert [file for file, odd in zip(files, uncommon, strict=True) if not odd] == [
        one.content for one, odd in zip(here.attachments, uncommon, strict=True) if not odd
    ]


@given(st.binary(max_size=400), st.integers(1, 90))
def test_a_file_decoded_in_pieces_is_the_file_decoded_whole(content: bytes, width: int) -> None:
    base = base64.b64encode(content)
    lines = b"\r\n".join(base[at : at + width] for at in range(0, len(base), width))
    for encoding, encoded in (
        ("base64", lines + b"\r\n"),
        ("quoted-printable", quopri.encodestring(content)),
        ("8bit", content),
    ):
        one = Attachment("a", "x/y", False, None, b"--" + encoded + b"--", 2, 2 + len(encoded), encoding)
        assert b"".join(decode_in_pieces(one)) == one.content
