"""Letters of hundreds of megabytes: the service's memory stays what it is with small ones (D05)."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import MEMORY, give
from tests.support.dovecot import Account, Dovecot

MEGABYTE = 1_048_576
MOST_MEMORY = 200
SAID = "Seven chairs, the plans are attached."


@dataclass
class Letter:
    """Written to the disk without being in memory; ``file_sha256`` names the attachment's bytes."""

    path: Path
    size: int
    sha256: str
    file_size: int
    file_sha256: str


def write_letter(path: Path, megabytes: int) -> Letter:
    """A letter of that size: a few words, and a file of bytes that repeat only after 57 kB."""
    block = os.urandom(57 * 1_000)
    lines = base64.encodebytes(block).replace(b"\n", b"\r\n")
    count = megabytes * MEGABYTE // len(lines)
    whole, file = hashlib.sha256(), hashlib.sha256()
    head = (
        "From: lead@customer.example\r\nTo: sales@company.example\r\nSubject: Plans\r\nMessage-ID: <plans@x>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=b="\r\n\r\n'
        f"--=b=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{SAID}\r\n"
        "--=b=\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n"
        'Content-Disposition: attachment; filename="plans.zip"\r\n\r\n'
    ).encode()
    with path.open("wb") as out:
        for piece in (head, *(lines for _ in range(count)), b"--=b=--\r\n"):
            out.write(piece)
            whole.update(piece)
            if piece is lines:
                file.update(block)
    return Letter(path, path.stat().st_size, whole.hexdigest(), count * len(block), file.hexdigest())


@pytest.fixture
def home() -> Iterator[Path]:
    """In memory where there is room: the disk is not what is tried here."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 << 30
    with tempfile.TemporaryDirectory(dir=MEMORY if roomy else None) as folder:
        yield Path(folder)


def take_in(home: Path, dovecot: Dovecot, letter: Letter, cap: int) -> dict[str, Any]:
    """What a service with the cap ``cap`` makes of the letter."""
    account = dovecot.add_user()
    settings = home / "settings.toml"
    settings.write_text(
        f'[database]\nurl = "sqlite:///{home}/w.db"\n[data]\nfolder = "{home}"\nkey_file = "{home}/key"\n'
        f"[mail]\nmax_letter_bytes = {cap}\n"
    )
    command = [sys.executable, "-m", "tests.inbox.big_letter", str(settings), str(dovecot.imap_port)]
    process = subprocess.Popen(
        [*command, account.user, account.password], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while (line := process.stdout.readline()) != "ready\n":
        assert line, "the service ended"
    put(dovecot, account, letter)
    told, _ = process.communicate("go\n", timeout=240)
    assert process.returncode == 0
    answer: dict[str, Any] = json.loads(told.splitlines()[-1])
    return answer


def put(dovecot: Dovecot, account: Account, letter: Letter) -> None:
    place = dovecot.home / "mail" / account.user / "Maildir" / "new" / "1.M1P1.big"
    shutil.copyfile(letter.path, place)
    give(place, dovecot.owner)


def test_d05_a_letter_of_300_megabytes_is_taken_in_whole_within_200_megabytes(
    home: Path, dovecot: Dovecot, record_property: Callable[[str, object], None]
) -> None:
    letter = write_letter(home / "letter", 300)
    told = take_in(home, dovecot, letter, 400 * MEGABYTE)
    assert (told["status"], told["reason"], told["truncated"]) == ("sorted", "", False)
    assert (told["size"], told["sha256"]) == (letter.size, letter.sha256)
    assert told["text"] == SAID
    assert told["files"] == [["plans.zip", letter.file_size, letter.file_sha256]]
    assert told["megabytes"] < MOST_MEMORY, told
    record_property("figure", f"peak: {told['fetched_megabytes']} MB to fetch, {told['megabytes']} MB in all")


def test_d05_a_letter_above_the_cap_is_cut_there_marked_and_still_read(home: Path, dovecot: Dovecot) -> None:
    letter = write_letter(home / "letter", 30)
    told = take_in(home, dovecot, letter, 20 * MEGABYTE)
    assert (told["status"], told["truncated"], told["size"]) == ("sorted", True, letter.size)
    assert told["text"] == SAID
    (name, size, _), blob = told["files"][0], home / "blobs" / told["sha256"][:2]
    assert (name, (blob / told["sha256"]).stat().st_size) == ("plans.zip", 20 * MEGABYTE)
    assert 14 * MEGABYTE < size < 15 * MEGABYTE
