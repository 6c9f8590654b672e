"""What a letter says for itself, apart from what it quotes.

    lines ─▶ quoted by ``>``, by an attribution or separator above, by a quoted header ─▶ stretches, own and quoted

Answers for plain text (HTML comes as text in which quotes carry ``>``, see ``html_text``), in linear time, and loses no
line: stretches in their order are the text. A reply between the quoted lines stays where it stands. Refuses to cut
signatures: they belong to who wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

from wherefrom.mail.quoting import find_header_kind, is_attribution, is_rule, is_separator, starts_attribution

_MOST_WRAPPED = 4  # lines of an attribution
_MOST_BLANK = 6  # lines between an attribution and what it is of
_HEADER_LINES = 7  # lines in which a quoted header shows three of its four kinds
_MOST_LINES = 5_000  # what is below these is told with the last stretch


class Stretch(Struct, frozen=True):
    """Neighbouring lines of one kind, without blank ones around them."""

    text: str
    quoted: bool


class Reply(Struct, frozen=True):
    """A text in its stretches. ``own`` may be empty: a letter that only forwards."""

    stretches: tuple[Stretch, ...]

    @property
    def own(self) -> str:
        """What the writer wrote this time; a blank line between what stood apart."""
        return "\n\n".join(one.text for one in self.stretches if not one.quoted)

    @property
    def quoted(self) -> str:
        """What was quoted or forwarded."""
        return "\n\n".join(one.text for one in self.stretches if one.quoted)


def split_reply(text: str) -> Reply:
    """The stretches of ``text``."""
    lines = text.split("\n", _MOST_LINES)
    quoted = _mark_angles(lines)
    _mark_attributions(lines, quoted)
    cut = _find_cut(lines, quoted)
    quoted[cut:] = [True] * (len(lines) - cut)
    _join_over_blanks(lines, quoted)
    stretches = []
    for kind, members in groupby(zip(quoted, lines, strict=True), key=lambda one: one[0]):
        block = "\n".join(line for _, line in members).strip("\n")
        if block.strip():
            stretches.append(Stretch(block.rstrip(), kind))
    return Reply(tuple(stretches))


def _mark_angles(lines: Sequence[str]) -> list[bool]:
    """Lines that begin with ``>``. One alone that has no blank behind it may be "more than", and is left."""
    quoted = [line.lstrip(" \t")[:1] == ">" for line in lines]
    for number, line in enumerate(lines):
        alone = quoted[number] and not any(quoted[max(0, number - 1) : number] + quoted[number + 1 : number + 2])
        if alone and line.lstrip()[1:2] not in (" ", ">", "") and not (number and _ends_attribution(lines[number - 1])):
            quoted[number] = False
    return quoted


def _ends_attribution(line: str) -> bool:
    return line.rstrip().endswith((":", "："))


def _mark_attributions(lines: Sequence[str], quoted: list[bool]) -> None:
    """The attribution above each quoted block: at most one blank line between, or more when it is sure of itself."""
    for number in range(1, len(lines)):
        if not quoted[number] or quoted[number - 1]:
            continue
        last = number - 1
        while last > max(0, number - _MOST_BLANK) and not lines[last].strip():
            last -= 1
        if quoted[last] or not _ends_attribution(lines[last]):
            continue
        first = _find_attribution(lines, last, quote_follows=number - last <= 2)
        if first is not None:
            quoted[first:number] = [True] * (number - first)


def _find_attribution(lines: Sequence[str], last: int, *, quote_follows: bool) -> int | None:
    """The first line of the attribution that ends with line ``last``; the fewest lines that make one."""
    words = ""
    for first in range(last, max(-1, last - _MOST_WRAPPED), -1):
        line = lines[first].strip()
        if not line:
            return None
        words = f"{line} {words}" if words else line
        complete = first == last or starts_attribution(words)
        if complete and is_attribution(words, quote_follows=quote_follows):
            return _first_line(lines, first, words, quote_follows)
    return None


def _first_line(lines: Sequence[str], first: int, words: str, quote_follows: bool) -> int:
    """Of "On … Anna Lead" and "<a@b.example> wrote:" in two lines the second alone looks complete; so a line above that
    begins an attribution is taken with it."""
    if starts_attribution(words):
        return first
    for above in range(first - 1, max(-1, first - _MOST_WRAPPED), -1):
        line = lines[above].strip()
        if not line:
            break
        words = f"{line} {words}"
        if starts_attribution(line) and is_attribution(words, quote_follows=quote_follows):
            return above
    return first


def _find_cut(lines: Sequence[str], quoted: Sequence[bool]) -> int:
    """The first line from which all is quoted, though no line says so: below a separator, a quoted header, or an
    attribution that is sure of itself. The number of lines when there is none."""
    spoken = False  # a header with nothing above it is the letter itself: a form's, or one sent on without a word
    for number, line in enumerate(lines):
        if quoted[number] or not line.strip():
            continue
        if is_separator(line) or (spoken and _begins_header(lines, number)):
            return _with_rule(lines, number)
        if _ends_attribution(line) and _has_more(lines, number):
            first = _find_attribution(lines, number, quote_follows=False)
            if first is not None and not _is_answered(quoted, number):
                return first
        spoken = spoken or not is_rule(line)
    return len(lines)


def _begins_header(lines: Sequence[str], number: int) -> bool:
    """A sender and two of date, receiver and subject, one below the other; and something only a letter's header has:
    who asks for a transport writes From, To and Date, too."""
    if find_header_kind(lines[number]) is None:
        return False
    block = lines[number : number + _HEADER_LINES]
    kinds = {find_header_kind(line) for line in block} - {None}
    return "from" in kinds and len(kinds) >= 3 and ("subject" in kinds or any("@" in line for line in block))


def _with_rule(lines: Sequence[str], number: int) -> int:
    above = number - 1
    while above > 0 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and is_rule(lines[above]) else number


def _has_more(lines: Sequence[str], number: int) -> bool:
    return any(line.strip() for line in lines[number + 1 : number + 4])


def _is_answered(quoted: Sequence[bool], number: int) -> bool:
    """Quoted lines follow at once: they tell themselves where the quote ends."""
    return any(quoted[number + 1 : number + 3])


def _join_over_blanks(lines: Sequence[str], quoted: list[bool]) -> None:
    """Blank lines between two quoted ones are quoted, too."""
    last: int | None = None
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if quoted[number] and last is not None and quoted[last]:
            quoted[last:number] = [True] * (number - last)
        last = number
