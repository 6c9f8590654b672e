"""Writes winmail.dat as Outlook does, as far as letters need it (MS-OXTNEF)."""

SIGNATURE = bytes.fromhex("789f3e22") + b"\x01\x00"
HELLO_RTF = bytes.fromhex(  # the example of MS-OXRTFCP
    "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232"
    "0af32068656c0900206277" "05b06c647d0a800fa0"
)  # fmt: skip


def winmail(*attributes: bytes) -> bytes:
    """A container of attributes."""
    return SIGNATURE + b"".join(attributes)


def attribute(tag: int, data: bytes, level: int = 1) -> bytes:
    """An attribute with its checksum."""
    return bytes([level]) + _long(tag) + _long(len(data)) + data + (sum(data) % 65_536).to_bytes(2, "little")


def file(name: str, content: bytes) -> bytes:
    """A file the old way: rendering, title, data."""
    return b"".join(
        (
            attribute(0x00069002, bytes(14), 2),
            attribute(0x00018010, name.encode("cp1252", "replace") + b"\x00", 2),
            attribute(0x0006800F, content, 2),
        )
    )


def named_file(name: str, content: bytes, kind: str, content_id: str = "") -> bytes:
    """A file with its long name, type and content id as properties, behind a cut DOS name."""
    named = [text(0x3707, name), text(0x370E, kind)] + ([text(0x3712, content_id)] if content_id else [])
    return file("LONGNA~1.XXX", content) + attribute(0x00069005, properties(*named), 2)


def properties(*values: bytes) -> bytes:
    """A list of MAPI properties, with one of a program's own before them, which has a name of odd length."""
    guid = bytes(16)
    name = "Wörd".encode("utf-16-le") + b"\x00\x00"
    own = (
        b"\x1f\x00\x00\x80"
        + guid
        + _long(1)
        + _long(len(name))
        + _padded(name)
        + _long(1)
        + _long(4)
        + b"x\x00\x00\x00"
    )
    many = b"\x03\x10\x01\x66" + _long(2) + _long(1) + _long(2)
    return _long(len(values) + 2) + own + many + b"".join(values)


def text(number: int, value: str) -> bytes:
    """A Unicode property."""
    octets = value.encode("utf-16-le") + b"\x00\x00"
    return b"\x1f\x00" + number.to_bytes(2, "little") + _long(1) + _long(len(octets)) + _padded(octets)


def binary(number: int, value: bytes) -> bytes:
    """A binary property."""
    return b"\x02\x01" + number.to_bytes(2, "little") + _long(1) + _long(len(value)) + _padded(value)


def _long(number: int) -> bytes:
    return number.to_bytes(4, "little")


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
