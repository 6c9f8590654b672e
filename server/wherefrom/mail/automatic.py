"""Was a letter written by a person? Answers by header fields alone (RFC 3834), and refuses to guess by words."""

from __future__ import annotations

from wherefrom.mail.fields import Fields
from wherefrom.mail.letter import Automatic
from wherefrom.mail.structure import Part

_AUTO_REPLY_FIELDS = ("x-autoreply", "x-autorespond", "x-auto-reply", "x-autoresponder", "x-autoreply-from")
_LIST_FIELDS = ("list-id", "list-post")


def find_automatic(root: Part) -> Automatic | None:
    """The first reason to take the letter for automatic mail, or None. ``Precedence: bulk`` is none: newsletters carry
    it, and so do people's letters through some gateways; ``X-Auto-Response-Suppress`` neither: Exchange sends it with
    what people write."""
    fields = root.fields
    submitted = _word(fields, "auto-submitted")
    if submitted and submitted != "no":
        return "auto-submitted"
    if any(_word(fields, name) not in ("", "no", "false", "0") for name in _AUTO_REPLY_FIELDS):
        return "auto-reply"
    if _word(fields, "precedence") in ("auto_reply", "auto-reply"):
        return "auto-reply"
    if root.content_type == "multipart/report" or fields.every("x-failed-recipients"):
        return "report"
    if (fields.first("return-path") or b"").translate(None, b" \t") == b"<>":
        return "null-return-path"
    return "list" if is_list(fields) else None


def is_list(fields: Fields) -> bool:
    """Did it come through a mailing list?"""
    return any(fields.every(name) for name in _LIST_FIELDS)


def _word(fields: Fields, name: str) -> str:
    """A field's first word: what stands before parameters and comments."""
    value = (fields.first(name) or b"").decode("ascii", "replace")
    return value.partition(";")[0].partition("(")[0].strip().lower()
