"""What a folder is for: told by the server (RFC 6154), else by its name in the languages mail programs speak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Kind = Literal["inbox", "junk", "sent", "trash", "other"]

THE_JUNK = "\\Junk"
"""Stands for whichever folder a server marks as junk: no two servers name it alike."""

_FLAGS: dict[bytes, Kind] = {
    b"\\inbox": "inbox",
    b"\\junk": "junk",
    b"\\spam": "junk",  # Gmail's old name
    b"\\sent": "sent",
    b"\\trash": "trash",
}
_NAMES: dict[Kind, str] = {
    "junk": (
        "junk|junk e-mail|junk email|junk mail|junk-e-mail|spam|spam-verdacht|spamverdacht|"
        "bulk mail|bulk|unerwünscht|junk-e-mail-ordner|courrier indésirable|indésirables|pourriel|"
        "pourriels|correo no deseado|correo basura|no deseado|posta indesiderata|indesiderata|"
        "lixo eletrônico|lixo electrónico|spam/lixo|ongewenste e-mail|ongewenst|wiadomości-śmieci|"
        "wiadomości śmieci|niechciane|спам|нежелательная почта|небажана пошта|nevyžádaná pošta|"
        "nevyžiadaná pošta|skräppost|uønsket e-post|søppelpost|uønsket mail|roskaposti|"
        "önemsiz e-posta|önemsiz|istenmeyen|levélszemét|垃圾邮件|垃圾郵件|迷惑メール|스팸|스팸메일|spamm"
    ),
    "sent": (
        "sent|sent items|sent mail|sent messages|sent-mail|sentmail|gesendet|gesendete objekte|"
        "gesendete elemente|postausgang|envoyés|éléments envoyés|messages envoyés|enviados|"
        "elementos enviados|enviadas|itens enviados|inviati|posta inviata|verzonden|"
        "verzonden items|wysłane|elementy wysłane|отправленные|отправленные письма|надіслані|"
        "odeslané|odeslaná pošta|odoslané|skickat|skickade objekt|sendt|sendte elementer|"
        "lähetetyt|gönderilmiş öğeler|gönderilenler|elküldött elemek|"
        "已发送|已发送邮件|寄件備份|送信済み|送信済みアイテム|보낸편지함|보낸 편지함"
    ),
    "trash": (
        "trash|deleted|deleted items|deleted messages|bin|papierkorb|gelöscht|gelöschte objekte|"
        "gelöschte elemente|corbeille|éléments supprimés|papelera|elementos eliminados|eliminados|"
        "lixeira|lixo|itens excluídos|cestino|eliminata|posta eliminata|prullenbak|"
        "verwijderde items|kosz|elementy usunięte|корзина|удаленные|удалённые|кошик|видалені|koš|"
        "odstraněná pošta|kôš|papperskorg|papperskorgen|borttaget|papirkurv|slettede elementer|"
        "roskakori|poistetut|çöp kutusu|silinmiş öğeler|törölt elemek|"
        "已删除|已删除邮件|刪除的郵件|垃圾桶|ごみ箱|ゴミ箱|削除済みアイテム|휴지통|지운 편지함"
    ),
}
_KINDS: dict[str, Kind] = {name: kind for kind, names in _NAMES.items() for name in names.split("|")}


def folder_kind(name: str, flags: Sequence[bytes], separator: str | None) -> Kind:
    """The kind of a folder; what nobody marked or named in a known way is ``other``."""
    if name.upper() == "INBOX":
        return "inbox"
    for flag in flags:
        kind = _FLAGS.get(flag.lower())
        if kind:
            return kind
    last = name.rpartition(separator)[2] if separator else name
    return _KINDS.get(last.strip().lower(), "other")
