"""A real DNS server on loopback (RFC 1035 over UDP), and a resolver that asks it: names in tests are names.

Each name has a list of answers that are given in turn, the last one for ever, so that a name can change its mind
between two questions as an attacker's does. All time to live is zero.
"""

import asyncio
import ipaddress
import random
import socket
import struct
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

_A, _AAAA, _CNAME, _TXT = 1, 28, 5, 16


class NameServer(asyncio.DatagramProtocol):
    """`async with` it. `names` maps a name to its turns of addresses; `asked` counts the rounds of questions. `texts`
    maps a name to its TXT record."""

    def __init__(self, names: dict[str, Sequence[Sequence[str]]] | None = None) -> None:
        self.names = dict(names or {})
        self.texts: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self._questions: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._transport: Any = None
        self.port = 0

    async def __aenter__(self) -> "NameServer":
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, end = _read_name(data, 12)
        kind = struct.unpack_from("!H", data, end)[0]
        question = data[12 : end + 4]
        if kind == _TXT and name in self.texts:
            text = self.texts[name].encode()
            strings = [text[at : at + 255] for at in range(0, len(text), 255)]
            record = _record(b"\xc0\x0c", _TXT, b"".join(bytes([len(one)]) + one for one in strings))
            self._transport.sendto(data[:2] + struct.pack("!5H", 0x8400, 1, 1, 0, 0) + question + record, addr)
            return
        turns = self.names.get(name)
        if turns is None:
            self._transport.sendto(data[:2] + struct.pack("!5H", 0x8403, 1, 0, 0, 0) + question, addr)
            return
        turn = self._questions[name, kind]
        self._questions[name, kind] += 1
        if kind == _A:
            self.asked[name] += 1
        addresses = [ipaddress.ip_address(one) for one in turns[min(turn, len(turns) - 1)]]
        # Through an alias, as content networks answer.
        records = [_record(b"\xc0\x0c", _CNAME, alias := b"\x05alias\xc0\x0c")]
        records += [_record(alias, kind, one.packed) for one in addresses if (one.version == 4) is (kind == _A)]
        header = data[:2] + struct.pack("!5H", 0x8400, 1, len(records), 0, 0)
        self._transport.sendto(header + question + b"".join(records), addr)

    async def resolve(self, host: str, port: int) -> list[str]:
        """What the guarded client's `resolve` wants: asks for A and AAAA; OSError when there is neither."""
        found = [*await self._ask(host, _A), *await self._ask(host, _AAAA)]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found

    async def _ask(self, host: str, kind: int) -> list[str]:
        loop = asyncio.get_running_loop()
        number = random.randrange(1 << 16)
        labels = b"".join(bytes([len(one)]) + one.encode() for one in host.rstrip(".").split("."))
        query = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.connect(("127.0.0.1", self.port))
            await loop.sock_sendall(asking, query)
            answer = await asyncio.wait_for(loop.sock_recv(asking, 4096), 30)
        assert answer[:2] == query[:2]
        return _read_addresses(answer)


def _record(name: bytes, kind: int, data: bytes) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 0, len(data)) + data


def _read_name(packet: bytes, at: int) -> tuple[str, int]:
    """A name and where it ends; one pointer ends it too."""
    labels: list[str] = []
    while packet[at]:
        if packet[at] & 0xC0 == 0xC0:
            rest, _ = _read_name(packet, struct.unpack_from("!H", packet, at)[0] & 0x3FFF)
            return ".".join([*labels, rest]), at + 2
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels), at + 1


def _read_addresses(packet: bytes) -> list[str]:
    count = struct.unpack_from("!H", packet, 6)[0]
    at = _read_name(packet, 12)[1] + 4
    found = []
    for _ in range(count):
        at = _read_name(packet, at)[1]
        kind, _, _, length = struct.unpack_from("!HHIH", packet, at)
        at += 10
        if kind in (_A, _AAAA):
            found.append(str(ipaddress.ip_address(packet[at : at + length])))
        at += length
    return found
