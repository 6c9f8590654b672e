"""What was there when the backup began is there after restoring, with every file its rows name."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from tests.acceptance.service import Service
from tests.inbox.letters import Post, letter
from wherefrom.archive.backup import add_blobs, back_up
from wherefrom.archive.restore import Restored, restore
from wherefrom.archive.tarball import Writing
from wherefrom.db import Database
from wherefrom.db.dump import dump
from wherefrom.errors import BadInput, Conflict, SettingsError
from wherefrom.inbox.tables import attachment, message
from wherefrom.mail.blobs import Blobs
from wherefrom.services import Services
from wherefrom.visits.tables import visit

SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@dataclass
class Found:
    """What is in a restored database, and the names of bytes that are not in its folder or not what they should be."""

    visits: int
    letters: int
    lacking: list[str]


async def _look(url: str, folder: Path) -> Found:
    database, blobs = Database(url), Blobs(folder / "blobs")
    try:
        async with database.read() as tx:
            visits = int(await tx.scalar(select(func.count()).select_from(visit)))
            letters = (await tx.scalars(select(message.c.sha256))).all()
            files = (await tx.scalars(select(attachment.c.sha256))).all()
            if database.dialect == "sqlite":
                assert await tx.scalar(text("PRAGMA integrity_check")) == "ok"
        names = [*letters, *files]
        lacking = [
            one for one in names
            if not blobs.path(one).exists() or hashlib.sha256(blobs.path(one).read_bytes()).hexdigest() != one
        ]  # fmt: skip
        return Found(visits, len(letters), lacking)
    finally:
        await database.close()


def _load_dump(done: Restored, url: str) -> None:
    subprocess.run(
        ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}", str(done.database)], check=True, timeout=60
    )


def _bytes(file: Path) -> bytes:
    return file.read_bytes()


def _mode(file: Path) -> int:
    return file.stat().st_mode


def _left_beside(file: Path) -> list[str]:
    return [one.name for one in file.parent.iterdir()]


def _write_key(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("ab" * 32)
    file.chmod(0o600)


def _unpack_by_hand(file: Path, folder: Path) -> None:
    folder.mkdir()
    subprocess.run(["tar", "xf", file, "-C", folder], check=True, timeout=60)
    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=folder, check=True, timeout=60)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "one.tar"


async def _write_on(post: Post, stop: asyncio.Event) -> int:
    """Visits and letters, one after the other, until ``stop``; how many of each."""
    number = 0
    while not stop.is_set():
        number += 1
        await post.rows.visit(1_000 + number)
        await post.store(letter(text=f"Letter {number}", message_id=f"<{number}@customer.example>"))
    return number


async def test_a_backup_taken_while_visits_and_letters_come_in_has_every_file_its_rows_name(
    services: Services, file: Path, tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    post = await Post.open(services)
    await post.rows.site()
    for number in range(20):
        await post.rows.visit(1 + number)
        await post.receive(letter(text=f"Before {number}", message_id=f"<before-{number}@customer.example>"))
    begun, stop = post.uid, asyncio.Event()
    writing = asyncio.create_task(_write_on(post, stop))
    made = await back_up(services.settings, file, with_key=False)
    ended = post.uid
    stop.set()
    await writing
    assert ended > begun, "it did not stop anybody from writing"
    assert (made.missing_count, made.spoilt_count) == (0, 0)
    assert made.size == len(_bytes(file))
    assert _left_beside(file) == ["one.tar"]

    done = restore(file, tmp_path / "new")
    url = f"sqlite:///{done.database}"
    if engine == "postgresql":
        server = request.getfixturevalue("postgres")
        url = server.url(await server.create_database())
        _load_dump(done, url)
    found = await _look(url, tmp_path / "new")
    assert found.lacking == []
    assert begun <= found.letters <= ended
    assert found.letters - found.visits in (0, -1), "of one moment: a visit, then its letter"
    assert made.files == done.files == found.letters


@SQLITE
async def test_the_service_starts_from_what_was_restored(services: Services, file: Path, tmp_path: Path) -> None:
    post = await Post.open(services)
    await post.rows.site()
    _write_key(Path(services.settings.data.key_file))
    await post.receive(letter())
    await back_up(services.settings, file, with_key=True)
    done = restore(file, tmp_path / "new")
    assert (done.key, (tmp_path / "new" / "secret.key").read_text()) == (True, "ab" * 32)
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o077 == 0
    place = tmp_path / "service"
    place.mkdir()
    data = f'[data]\nfolder = "{tmp_path}/new"\nkey_file = "{tmp_path}/new/secret.key"\n'
    service = Service(place, f"sqlite:///{done.database}", extra_settings=data)
    try:
        await service.start()
    finally:
        service.kill()


@SQLITE
async def test_an_archive_is_read_by_other_programs_too(services: Services, file: Path, tmp_path: Path) -> None:
    post = await Post.open(services)
    await post.rows.site()
    await post.receive(letter())
    await back_up(services.settings, file, with_key=False)
    assert _mode(file) & 0o077 == 0, "letters are in there"
    _unpack_by_hand(file, tmp_path / "by-hand")
    head = json.loads((tmp_path / "by-hand" / "backup.json").read_text())
    assert (head["format"], head["engine"], head["key"]) == (1, "sqlite", False)


@SQLITE
async def test_a_file_that_is_missing_or_spoilt_is_told_and_the_rest_is_backed_up(
    services: Services, file: Path, tmp_path: Path
) -> None:
    post = await Post.open(services)
    await post.rows.site()
    names = [(await post.receive(letter(text=f"{n}", message_id=f"<{n}@x.example>"))).sha256 for n in range(3)]
    services.blobs.path(names[0]).unlink()
    services.blobs.path(names[1]).write_bytes(b"another")
    made = await back_up(services.settings, file, with_key=False)
    assert (made.files, made.missing, made.spoilt) == (2, [names[0]], [names[1]])
    done = restore(file, tmp_path / "new")
    assert done.files == 2


@SQLITE
async def test_the_beginning_of_a_letter_that_became_whole_meanwhile_is_not_missed(
    services: Services, file: Path, tmp_path: Path
) -> None:
    post = await Post.open(services)
    await post.rows.site()
    begun = await post.receive(letter(text="the beginning"))
    lost = await post.receive(letter(text="lost by its disk", message_id="<2@x.example>"))
    writing, snapshot = Writing(file, 0), tmp_path / "snapshot.db"
    try:
        async with dump(services.db, services.settings.database.url, snapshot) as tx:
            whole = await services.blobs.put(b"all of it")
            async with services.db.write() as now:
                await now.execute(update(message).where(message.c.id == begun.row.id).values(sha256=whole))
            for name in (begun.sha256, lost.sha256):
                await services.blobs.delete(name)
            made = await add_blobs(writing, tx, services.db, services.blobs)
    finally:
        writing.close()
    assert (made.missing, made.missing_count, made.files) == ([lost.sha256], 1, 0)


@SQLITE
async def test_a_backup_never_takes_the_place_of_another(services: Services, file: Path) -> None:
    await Post.open(services)
    await back_up(services.settings, file, with_key=False)
    before = _bytes(file)
    with pytest.raises(Conflict, match="is there already"):
        await back_up(services.settings, file, with_key=False)
    assert _bytes(file) == before


def test_two_backups_are_not_written_to_one_file_at_once(file: Path) -> None:
    one = Writing(file, 0)
    one.add_bytes("backup.json", b"{}")
    with pytest.raises(Conflict, match="another backup is being written"):
        Writing(file, 0)
    one.finish()
    one.close()
    assert _names(file) == ["backup.json", "SHA256SUMS"]


def test_what_a_backup_that_was_killed_has_left_is_written_over(file: Path) -> None:
    file.parent.mkdir()
    file.with_name("one.tar.partial").write_bytes(b"half of a longer one" * 10_000)
    new = Writing(file, 0)
    new.add_bytes("backup.json", b"{}")
    new.finish()
    new.close()
    assert [one.name for one in file.parent.iterdir()] == ["one.tar"]
    assert _names(file) == ["backup.json", "SHA256SUMS"]


@SQLITE
async def test_a_key_that_is_not_there_is_told_before_anything_is_written(services: Services, file: Path) -> None:
    with pytest.raises(SettingsError, match=r"data\.key_file"):
        await back_up(services.settings, file, with_key=True)
    assert not file.parent.exists()


@SQLITE
async def test_a_backup_that_is_cut_or_spoilt_anywhere_gives_no_database(
    services: Services, file: Path, tmp_path: Path
) -> None:
    post = await Post.open(services)
    await post.rows.site()
    await post.receive(letter())
    await back_up(services.settings, file, with_key=False)
    whole = _bytes(file)
    end = whole.rindex(b"SHA256SUMS")
    cuts = [0, 100, 512, 700, 5_000, end // 2, end - 1, end + 1, end + 600]
    flips = [600, 3_000, end // 2, end + 530]
    spoilt = [whole[:at] for at in cuts] + [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in flips]
    for number, content in enumerate(spoilt):
        (tmp_path / "bad.tar").write_bytes(content)
        with pytest.raises(BadInput, match="backup"):
            restore(tmp_path / "bad.tar", tmp_path / f"new-{number}")
        assert not (tmp_path / f"new-{number}" / "wherefrom.db").exists()
    (tmp_path / "good.tar").write_bytes(whole)
    assert restore(tmp_path / "good.tar", tmp_path / "new").database.exists()


def _names(file: Path) -> list[str]:
    with tarfile.open(file) as opened:
        return opened.getnames()


def _tar(file: Path, *members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None) -> Path:
    with tarfile.open(file, "w") as made:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if change is not None:
                change(member)
            made.addfile(member, io.BytesIO(content))
    return file


HEAD = ("backup.json", b'{"format": 1, "schema": "0001", "engine": "sqlite", "version": "0.1.0"}')


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/outside", "blobs/../../outside", "blobs/aa/bb/" + "c" * 64, "settings.toml", "blobs"]
)
def test_a_file_from_elsewhere_writes_nothing_outside_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="does not belong"):
        restore(_tar(tmp_path / "evil.tar", HEAD, (name, b"x")), tmp_path / "new")
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["backup.json"]


def test_a_link_in_a_backup_is_refused(tmp_path: Path) -> None:
    def link(member: tarfile.TarInfo) -> None:
        member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0

    with pytest.raises(BadInput, match="no plain file"):
        restore(_tar(tmp_path / "evil.tar", ("backup.json", b""), change=link), tmp_path / "new")


@pytest.mark.parametrize(
    "head",
    [
        b'{"format": 2, "schema": "0001", "engine": "sqlite", "version": "9"}',
        b'{"format": 1, "schema": "9999", "engine": "sqlite", "version": "9"}',
    ],
)
def test_a_backup_of_a_newer_version_is_refused_by_its_version(tmp_path: Path, head: bytes) -> None:
    with pytest.raises(BadInput, match=r"newer version \(9"):
        restore(_tar(tmp_path / "new.tar", ("backup.json", head), ("wherefrom.db", b"x")), tmp_path / "new")


def test_another_tar_is_told_from_a_backup(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no backup of Wherefrom"):
        restore(_tar(tmp_path / "other.tar", ("holidays.jpg", b"x")), tmp_path / "new")


def test_a_folder_with_anything_in_it_is_not_restored_into(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(Conflict, match="is not empty"):
        restore(tmp_path / "no.tar", tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"


@SQLITE
async def test_the_commands_say_what_to_do_with_the_key_and_how_to_start(
    services: Services, file: Path, tmp_path: Path
) -> None:
    post = await Post.open(services)
    await post.rows.site()
    await post.receive(letter())
    data = services.settings.data
    (tmp_path / "settings.toml").write_text(
        f'[database]\nurl = "{services.settings.database.url}"\n'
        f'[data]\nfolder = "{data.folder}"\nkey_file = "{data.key_file}"\n'
    )

    async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wherefrom", *arguments]
        return await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )  # type: ignore[return-value]

    made = await run("backup", str(file))
    assert made.returncode == 0, made.stderr
    assert "The key is not in it" in made.stdout
    assert "1 files" in made.stdout
    done = await run("restore", str(file), "--to", "new")
    assert done.returncode == 0, done.stderr
    assert f'url = "sqlite:///{tmp_path}/new/wherefrom.db"' in done.stdout
    assert "Put your copy of the key file to" in done.stdout
