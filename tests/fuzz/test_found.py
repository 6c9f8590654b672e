"""What fuzzing has found, once each."""

from __future__ import annotations

import time

from wherefrom.mail.fields import parse_fields


def test_a_long_line_without_a_colon_in_a_header_is_no_work() -> None:
    raw = b"From: ann@customer.example\r\n" + b"x" * 1_000_000 + b"\r\nTo: sales@company.example\r\n\r\nhello"
    began = time.process_time()
    fields = parse_fields(raw, 0, len(raw))
    assert time.process_time() - began < 1.5  # it took three
    assert fields.first("to") == b"sales@company.example"
