"""A letter on its way: small ones in memory, large ones on the disk, the same bytes either way."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.mail import spool as spool_module
from wherefrom.mail.blobs import Blobs, Incoming
from wherefrom.mail.spool import NoRoom, Spool


@given(st.lists(st.binary(max_size=20), max_size=12), st.integers(0, 120))
def test_what_is_kept_is_the_beginning_wherever_it_is_kept(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], most: int
) -> None:
    blobs = Blobs(tmp_path_factory.getbasetemp() / "blobs")
    whole = b"".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "_SMALL", 40)
        patch.setattr(spool_module, "_HEAD", 10)
        spool = Spool(blobs.begin, most)
        for piece in pieces:
            spool.write(piece)
    assert spool.size == len(whole)
    assert spool.is_cut == (len(whole) > most)
    kept = whole[:most]
    if spool.file is None:
        assert spool.content == kept
        assert len(kept) <= 40
    else:
        assert (spool.file.sha256, spool.file.size) == (hashlib.sha256(kept).hexdigest(), len(kept))
        assert spool.content == kept[:10]
        spool.abandon()


def test_a_disk_that_is_full_is_told_with_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "_SMALL", 4)
    spool = Spool(Blobs(tmp_path).begin, 1_000)

    def full(_self: Incoming, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Incoming, "write", full)
    with pytest.raises(NoRoom, match="No space left") as told:
        spool.write(b"too much")
    assert "Make room" in told.value.hint
    assert list((tmp_path / "incoming").iterdir()) == []
