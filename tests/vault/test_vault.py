"""Hosts that share a database and no folder: a letter stored by one is read by the others."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select, update

from tests.inbox.letters import Post, letter
from wherefrom.errors import NotFound
from wherefrom.inbox.file import file_response
from wherefrom.mail.blobs import Blobs
from wherefrom.services import Services
from wherefrom.settings import Data
from wherefrom.vault import vault
from wherefrom.vault.tables import blob_piece

BIG = os.urandom(vault.PIECE * 2 + 5)
PART = (
    b'\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=b="\n\n--=b=\n\nHello\n'
    b"--=b=\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\n%PDF\n--=b=--\n"
)


@pytest.fixture
def here(services: Services) -> Services:
    data = Data(folder=services.settings.data.folder, shared=True)
    return replace(services, settings=msgspec.structs.replace(services.settings, data=data))


@pytest.fixture
def there(here: Services, tmp_path: Path) -> Services:
    """Another host: the same database, a folder of its own."""
    return replace(here, blobs=Blobs(tmp_path / "there"))


async def pieces(services: Services) -> int:
    async with services.db.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(blob_piece)) or 0)


@pytest.mark.parametrize("content", [b"", b"a letter", BIG, BIG[: vault.PIECE]])
async def test_what_one_host_shares_the_other_can_bring(here: Services, there: Services, content: bytes) -> None:
    name = await here.blobs.put(content)
    await vault.share(here, 1, [name, name])
    await vault.share(here, 1, [name])
    assert await pieces(here) == max(1, -(-len(content) // vault.PIECE))
    await vault.bring(there, 1, [name])
    assert await there.blobs.get(name) == content


async def test_without_sharing_nothing_is_written_or_brought(services: Services, tmp_path: Path) -> None:
    name = await services.blobs.put(b"a letter")
    await vault.share(services, 1, [name])
    assert await pieces(services) == 0
    other = replace(services, blobs=Blobs(tmp_path / "there"))
    await vault.bring(other, 1, [name])
    with pytest.raises(NotFound):
        await other.blobs.get(name)


async def test_a_site_is_not_brought_what_another_one_shared(here: Services, there: Services) -> None:
    name = await here.blobs.put(b"a letter")
    await vault.share(here, 1, [name])
    await vault.bring(there, 2, [name])
    assert not there.blobs.path(name).exists()


async def test_a_blob_that_was_shared_in_part_counts_as_missing_and_is_completed(
    here: Services, there: Services
) -> None:
    name = await here.blobs.put(BIG)
    await vault.share(here, 1, [name])
    async with here.db.write() as tx:  # as if the host had died before the last piece, which is the first
        await tx.execute(blob_piece.delete().where(blob_piece.c.number == 0))
    await vault.bring(there, 1, [name])
    assert not there.blobs.path(name).exists()
    await vault.share(here, 1, [name])
    await vault.bring(there, 1, [name])
    assert await there.blobs.get(name) == BIG


async def test_bytes_that_are_not_what_they_were_are_not_taken(here: Services, there: Services) -> None:
    name = await here.blobs.put(b"a letter")
    await vault.share(here, 1, [name])
    async with here.db.write() as tx:
        await tx.execute(update(blob_piece).values(content=b"another"))
    await vault.bring(there, 1, [name])
    assert not there.blobs.path(name).exists()
    assert not there.blobs.path(hashlib.sha256(b"another").hexdigest()).exists()


async def test_copies_leave_the_disk_after_a_day_and_come_back(here: Services) -> None:
    name, alone, fresh = [await here.blobs.put(one) for one in (b"a letter", b"not shared", b"of today")]
    await vault.share(here, 1, [name, fresh])
    for one in (name, alone):
        os.utime(here.blobs.path(one), (1_000_000, 1_000_000))
    assert await vault.tidy(here) == 1
    assert not here.blobs.path(name).exists()
    assert here.blobs.path(alone).exists()
    assert here.blobs.path(fresh).exists()
    await vault.bring(here, 1, [name])
    assert await here.blobs.get(name) == b"a letter"


async def test_what_is_forgotten_is_nowhere(here: Services, there: Services) -> None:
    name = await here.blobs.put(BIG)
    await vault.share(here, 1, [name])
    await vault.forget(here, 1, name)
    assert await pieces(here) == 0
    assert not here.blobs.path(name).exists()
    await vault.bring(there, 1, [name])
    assert not there.blobs.path(name).exists()


async def test_a_letter_stored_by_one_host_is_sorted_by_another_and_its_file_comes_from_a_third(
    here: Services, there: Services, tmp_path: Path
) -> None:
    raw = letter().partition(b"\nContent-Type")[0] + PART
    post = await Post.open(here)
    message_id = await post.store(raw)
    await vault.share(here, 1, [hashlib.sha256(raw).hexdigest()])
    elsewhere = replace(post, services=there)
    await elsewhere.sort()
    detail = await elsewhere.detail(message_id)
    assert (detail.row.status, detail.text) == ("sorted", "Hello")
    (file,) = detail.attachments
    third = replace(here, blobs=Blobs(tmp_path / "third"))
    await file_response(third, 1, file.sha256, file.name, file.content_type)
    assert await third.blobs.get(file.sha256) == b"%PDF"
