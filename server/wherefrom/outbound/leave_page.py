"""The page of a letter's way out, as HTML. No script, no picture, nothing that is loaded: it works in any browser, and
tells nobody that it was looked at. Pure."""

from __future__ import annotations

import html

from wherefrom.outbound.leave import Standing
from wherefrom.outbound.leave_words import Words

_STYLE = """
:root{color-scheme:light dark;--page:#f4f6f8;--card:#fff;--line:#e1e5ea;--text:#1a222c;--muted:#576270;
--accent:#0a675e;--on:#fff;--focus:#1d5bd0}
@media(prefers-color-scheme:dark){:root{--page:#10141a;--card:#171d24;--line:#29323c;--text:#e6eaef;--muted:#9eaab7;
--accent:#5ccabc;--on:#06201d;--focus:#8ab6ff}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--page);
color:var(--text);font:17px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Arial,sans-serif}
main{width:100%;max-width:30rem;background:var(--card);border:1px solid var(--line);border-radius:12px;
padding:clamp(1.5rem,6vw,2.5rem)}
h1{font-size:1.45rem;line-height:1.25;margin:0 0 .75rem}
p{margin:0 0 .5rem;overflow-wrap:anywhere}
small{display:block;margin-top:1rem;color:var(--muted);font-size:.9rem}
form{display:grid;gap:.65rem;margin-top:1.5rem}
button{font:inherit;font-weight:600;min-height:3rem;padding:.6rem 1.1rem;border-radius:8px;cursor:pointer;
overflow-wrap:anywhere;border:1px solid var(--accent);background:transparent;color:var(--accent)}
button.first{background:var(--accent);color:var(--on)}
button:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
"""
_PAGE = (
    '<!doctype html><html lang="{language}"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
    "<title>{title}</title><style>{style}</style><main><h1>{title}</h1><p>{text}</p>{form}</main></html>"
)


def ask_page(standing: Standing, words: Words) -> str:
    """What can be ended. Where all of it has ended already, that it has."""
    if standing.ended in ("list", "all", "forgotten"):
        return done_page(standing, words)
    if standing.ended == "others":  # what others may undo is not what the person wants
        return _page(words, words.ask, _fill(words.none_others, standing), _ending(standing, words), words.choice)
    text = words.gets_list if standing.list else words.gets_all
    return _page(words, words.ask, _fill(text, standing), _ending(standing, words), words.choice)


def done_page(standing: Standing, words: Words) -> str:
    """What holds after an act, or did before."""
    if standing.ended == "forgotten":
        return _page(words, words.done, words.forgotten, "")
    if standing.ended == "none":
        return _page(words, words.undone, _fill(words.gets_again, standing), _ending(standing, words))
    if standing.ended == "others":
        return _page(words, words.undone, _fill(words.none_others, standing), _ending(standing, words))
    undo = _button("undo", words.mistake)
    if standing.ended == "list":
        text, also = words.none_list, _button("all", words.stop_all)
        return _page(words, words.done, _fill(text, standing), also + undo)
    return _page(words, words.done, _fill(words.none_all, standing), undo)


def lost_page(words: Words) -> str:
    """For a link that is none of ours."""
    return _page(words, words.lost, words.lost_why, "")


def _ending(standing: Standing, words: Words) -> str:
    if not standing.list:
        return _button("all", words.stop_all, first=True)
    return _button("list", _fill(words.stop_list, standing), first=True) + _button("all", words.stop_all)


def _button(act: str, text: str, *, first: bool = False) -> str:
    shown = ' class="first"' if first else ""
    return f'<button name="act" value="{act}"{shown}>{html.escape(text)}</button>'


def _page(words: Words, title: str, text: str, buttons: str, note: str = "") -> str:
    form = f'<form method="post">{buttons}</form>' if buttons else ""
    small = f"<small>{html.escape(note)}</small>" if note else ""
    return _PAGE.format(
        language=words.language, title=html.escape(title), style=_STYLE, text=html.escape(text), form=form + small
    )


def _fill(text: str, standing: Standing) -> str:
    return text.replace("{who}", _masked(standing.email)).replace("{list}", standing.list)


def _masked(email: str) -> str:
    """Letters are forwarded: whoever opens the page need not learn the whole address."""
    local, _, host = email.rpartition("@")
    return f"{local[:1]}…@{host}"
