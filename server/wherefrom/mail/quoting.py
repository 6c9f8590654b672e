"""How mail programs mark what they quote, in the languages their users have.

Answers for single lines: is this a separator, a line of a quoted header, an attribution ("On … wrote:")? Refuses to
decide where a quote ends (that is ``reply``). The forms are those of Gmail, Outlook, Apple Mail,
Thunderbird, Yandex, Mail.ru, Yahoo, QQ and 163 in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish,
Russian, Ukrainian, Chinese and Japanese.
"""

from __future__ import annotations

import re

_SEPARATOR_WORDS = (
    *("original message", "original appointment", "forwarded message", "forwarded by", "reply message"),
    *("ursprüngliche nachricht", "ursprüngliche e-mail", "original-nachricht", "weitergeleitete nachricht"),
    *("message d'origine", "message d’origine", "message original", "message transféré", "message d'origine"),
    *("mensaje original", "mensaje reenviado", "messaggio originale", "messaggio inoltrato", "mensagem original"),
    *("mensagem encaminhada", "oorspronkelijk bericht", "doorgestuurd bericht", "wiadomość oryginalna"),
    *("oryginalna wiadomość", "treść oryginalnej wiadomości", "wiadomość przekazana", "исходное сообщение"),
    *(
        "исходное письмо",
        "пересылаемое сообщение",
        "пересылаемое письмо",
        "пересланное сообщение",
        "пересланное письмо",
    ),
    *("перенаправленное сообщение", "вихідне повідомлення", "переслане повідомлення", "原始邮件", "原始郵件"),
    *(
        "oprindelig meddelelse",
        "opprinnelig melding",
        "ursprungligt meddelande",
        "alkuperäinen viesti",
        "antwort nachricht",
    ),
    *("původní zpráva", "eredeti üzenet", "orijinal mesaj"),
    *("转发邮件", "转发的邮件", "轉寄的郵件", "轉寄郵件", "回复的邮件", "元のメッセージ", "転送メッセージ"),
)
_BEGINNINGS = (
    *("begin forwarded message", "anfang der weitergeleiteten nachricht", "début du message transféré"),
    *("début du message réexpédié", "inicio del mensaje reenviado", "inizio messaggio inoltrato"),
    *("início da mensagem reencaminhada", "begin doorgestuurd bericht", "początek przekazywanej wiadomości"),
    *("начало переадресованного сообщения", "начало пересылаемого сообщения", "下面是被转发的邮件", "开始转发的邮件"),
)
_HEADER_WORDS = {
    "from": "from|von|de|от|от кого|da|van|od|від|发件人|寄件者|寄件人|發件人|差出人|送信者|från|fra|kimden",
    "date": (
        "sent|date|gesendet|gesendet am|datum|envoyé|envoyé le|date d'envoi|enviado|enviado el|enviada em|enviado em|"
        "fecha|data|inviato|verzonden|wysłano|wysłane|отправлено|дата|надіслано|发送时间|发送日期|日期|寄件日期|傳送時間|"
        "时间|送信日時|日付|skickat|sendt|tarih"
    ),
    "to": "to|an|à|a|para|кому|per|aan|do|收件人|收件者|宛先|till|til|kime",
    "subject": "subject|betreff|objet|asunto|тема|oggetto|onderwerp|temat|assunto|主题|主題|主旨|件名|ämne|emne|konu",
}
_VERBS = (
    r"wrote|writes|sent|schrieb|schreibt|a écrit|écrit|escribió|ha scritto|escreveu|schreef|pisze|napisał[ao]?|"
    r"napisał\(a\)|"
    r"пиш[еу]т?|писал[аи]?|писал\(а\)|написал[аи]?|написал\(а\)|написав|写道|寫道|写到|さんは書きました|yazdı|skrev|kirjoitti"
)
_WEEKDAYS = (
    "mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday|mo|di|mi|do|fr|sa|so|lun|mar|"
    "mer|jeu|ven|sam|dim|mié|jue|vie|sáb|dom|seg|ter|qua|qui|sex|pon|wt|śr|czw|pt|sob|ndz|ma|wo|vr|za|zo|пн|вт|ср|чт|пт|"
    "сб|вс|нд|понедельник|вторник|среда|четверг|пятница|суббота|воскресенье"
)

_SEPARATOR = re.compile(rf"\s*[-_=*—–]{{2,}}\s*(?:{'|'.join(_SEPARATOR_WORDS)})\b.{{0,80}}", re.IGNORECASE)
_SAID = re.compile(rf"\s*-{{3,}}\s*\S.{{0,150}}?(?:{_VERBS})\s*:?\s*-{{3,}}\s*", re.IGNORECASE)
_BEGINNING = re.compile(rf"\s*(?:{'|'.join(_BEGINNINGS)})\s*[:：]\s*", re.IGNORECASE)
_RULE = re.compile(r"\s*[-_=*—–]{5,}\s*")
_HEADER = re.compile(
    r"\s*\*?\s*(?:"
    + "|".join(f"(?P<{kind}>{words})" for kind, words in _HEADER_WORDS.items())
    + r")\s*\*?\s*[:：].{0,998}",
    re.IGNORECASE,
)
_VERB = re.compile(rf"(?<!\w)(?:{_VERBS})(?!\w)|(?:写道|寫道|写到)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}\s*年|(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_CLOCK = re.compile(r"(?<!\d)\d{1,2}\s?[:.hч]\s?\d{2}(?!\d)")
_WRITER = re.compile(r"<[^<>@\s]+@[^<>@\s]+>|\(\s*[^()@\s]+@[^()@\s]+\s*\)|(?<!\w)от\s|\[mailto:", re.IGNORECASE)
_START = re.compile(
    rf"[\"'*_\s]*(?:(?:on|at|am|le|el|il|em|op|w dniu|dnia|den|dne|pe|kl)\s|(?:{_WEEKDAYS})\b\.?,?\s|"
    r"\d{1,2}[\s./-]|\d{4}\s?[-/年.]|[在于於])",
    re.IGNORECASE,
)
_LONGEST_ATTRIBUTION = 400


def is_separator(line: str) -> bool:
    """``-----Original Message-----`` and its kin: all below is quoted."""
    if len(line) > 200:
        return False
    return bool(_SEPARATOR.fullmatch(line) or _BEGINNING.fullmatch(line) or _SAID.fullmatch(line))


def is_rule(line: str) -> bool:
    """A line of nothing but dashes, as Outlook draws it above a quoted header."""
    return len(line) < 200 and _RULE.fullmatch(line) is not None


def find_header_kind(line: str) -> str | None:
    """``from``, ``date``, ``to`` or ``subject`` for a line of a quoted header in any of the languages."""
    if ":" not in line[:40] and "：" not in line[:40]:
        return None
    match = _HEADER.fullmatch(line) if len(line) < 1_000 else None
    return match.lastgroup if match else None


def is_attribution(words: str, *, quote_follows: bool) -> bool:
    """Does ``words`` (one line, or the joined ones of a wrapped one) say who wrote what follows? Where no quoted line
    follows, more must speak for it: a verb with a date or an address, or date, time and writer in one."""
    if len(words) > _LONGEST_ATTRIBUTION or not words.rstrip(" *_").endswith((":", "：")):
        return False
    dated = _DATE.search(words) is not None
    named = _WRITER.search(words) is not None
    if _VERB.search(words):
        return dated or named or (quote_follows and len(words) < 120)
    if dated and named and _CLOCK.search(words):
        return True
    return quote_follows and (named or (dated and _CLOCK.search(words) is not None))


def starts_attribution(words: str) -> bool:
    """Does a line begin the way attributions do that are wrapped over several lines?"""
    return _START.match(words) is not None
