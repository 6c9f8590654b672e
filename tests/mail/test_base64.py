"""Base64 in letters: read by a quicker library, with the answers of the standard one."""

import base64
import binascii

from hypothesis import example, given
from hypothesis import strategies as st

from wherefrom.mail.letter import decode_transfer

_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_RUBBISH = b"\r\n \t-_!\x00\x80\xff"


@given(st.binary(max_size=300), st.sampled_from([b"\r\n", b"\n", b"\r\n\r\n", b" \r\n"]), st.integers(1, 80))
def test_a_file_comes_out_as_it_went_in_whatever_its_lines(content: bytes, end: bytes, width: int) -> None:
    digits = base64.b64encode(content)
    lines = end.join(digits[at : at + width] for at in range(0, len(digits), width))
    assert decode_transfer(lines + end, "base64") == content


@given(st.lists(st.sampled_from([*(bytes([n]) for n in _DIGITS + _RUBBISH)]), max_size=90).map(b"".join))
@example(b"QUI")
@example(b"Q")
@example(b"Q-U_I!D\x00")
def test_rubbish_between_digits_is_passed_over_as_by_the_standard_library(encoded: bytes) -> None:
    try:
        expected = binascii.a2b_base64(encoded)
    except binascii.Error:  # a last group that is not whole
        digits = bytes(one for one in encoded if one in _DIGITS)
        digits = digits[:-1] if len(digits) % 4 == 1 else digits
        expected = binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    assert decode_transfer(encoded, "base64") == expected
