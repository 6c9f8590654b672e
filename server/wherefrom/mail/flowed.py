"""Text whose long lines were folded for the way (RFC 3676, ``format=flowed``): the paragraphs as they were written.

A line that ends with a blank goes on in the next one of the same quote depth; a blank before a line is stuffing. With
``delsp=yes`` the last blank was put there for the folding and goes. The signature's ``-- `` is no such line.
"""

from __future__ import annotations

_SIGNATURE = "-- "


def unfold_flowed(text: str, *, drop_blank: bool = False) -> str:
    """``text`` with its paragraphs in one line each; quoted ones keep ``>`` signs, one for each depth."""
    out: list[str] = []
    paragraph: list[str] = []
    open_depth: int | None = None  # of the paragraph that goes on
    for line in text.split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        bare = bare.removeprefix(" ")
        flows = bare.endswith(" ") and bare != _SIGNATURE
        if open_depth is not None and (open_depth != depth or bare == _SIGNATURE):
            out.append("".join(paragraph))
            paragraph, open_depth = [], None
        if open_depth is None:
            paragraph = [">" * depth + " " if depth else ""]
        paragraph.append(bare[:-1] if flows and drop_blank else bare)
        open_depth = depth if flows else None
        if not flows:
            out.append("".join(paragraph))
            paragraph = []
    if paragraph:
        out.append("".join(paragraph))
    return "\n".join(out)
