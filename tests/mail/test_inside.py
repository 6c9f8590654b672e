"""Mail servers that site owners name, where the operator does not let them lie inside."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from wherefrom.mail import wire
from wherefrom.mail.connection import Connection, ImapAccount
from wherefrom.mail.failures import HostRefused
from wherefrom.mail.smtp import SmtpAccount
from wherefrom.mail.submission import Submission
from wherefrom.mail.troubles import AccountFailed
from wherefrom.networks import parse_networks

LOOPBACK, ALL = parse_networks(["127.0.0.0/8", "::1/128"]), parse_networks(["0.0.0.0/0", "::/0"])


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """Something inside that listens, and must not be knocked at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        yield listening


def is_untouched(door: socket.socket) -> bool:
    try:
        door.accept()[0].close()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001"])
async def test_nobody_inside_is_called_when_no_inside_network_is_allowed(door: socket.socket, host: str) -> None:
    port = door.getsockname()[1]
    with pytest.raises(HostRefused, match="this machine itself") as refused:
        Connection(ImapAccount(host, port, "tls", "ann", "", allowed=()), 2.0).connect()
    assert "mail.allow" in refused.value.hint
    with pytest.raises(AccountFailed, match="this machine itself") as failed:
        await Submission(SmtpAccount(host, port, "tls", allowed=()), "shop.example").connect()
    assert (failed.value.trouble, "mail.allow" in failed.value.hint) == ("unreachable", True)
    assert is_untouched(door)


@pytest.mark.parametrize("allowed", [LOOPBACK, ALL, None])
def test_an_allowed_network_is_called(door: socket.socket, allowed: tuple[wire.Network, ...] | None) -> None:
    connection = Connection(ImapAccount("127.0.0.1", door.getsockname()[1], "tls", "ann", "", allowed=allowed), 2.0)
    assert connection.resolve() == "127.0.0.1"
    connection.open()
    assert not is_untouched(door)
    connection.close()


@pytest.mark.parametrize(
    "addresses", [["8.8.8.8", "10.0.0.1"], ["169.254.169.254"], ["::ffff:10.0.0.1"], ["fe80::1%lo"]]
)
def test_one_address_inside_refuses_the_whole_name(addresses: list[str]) -> None:
    """Who answers for a name may answer with both kinds."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 993)) for address in addresses]
    assert wire.why_refused(found, "mail.attacker.example", ())
    for allowed in (ALL, None):
        assert wire.why_refused(found, "mail.attacker.example", allowed) is None
