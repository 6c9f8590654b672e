"""What the page of a letter's way out says, in the languages people read their mail in. Pure.

``{who}`` is the address, masked; ``{list}`` the list's name. A language that is not here reads English.
"""

from __future__ import annotations

from msgspec import Struct


class Words(Struct, frozen=True):
    """``…_list`` is said of one list, ``…_all`` of all mail."""

    language: str
    ask: str
    gets_list: str
    gets_all: str
    stop_list: str
    stop_all: str
    choice: str
    done: str
    none_list: str
    none_all: str
    none_others: str
    mistake: str
    undone: str
    gets_again: str
    forgotten: str
    lost: str
    lost_why: str


_ENGLISH = Words(
    language="en",
    ask="Stop these letters?",
    gets_list="{who} gets letters of the list “{list}” from us.",
    gets_all="{who} gets letters from us.",
    stop_list="Stop “{list}”",
    stop_all="Stop all letters",
    choice="It takes effect at once.",
    done="It is done",
    none_list="{who} gets no more letters of the list “{list}”.",
    none_all="{who} gets no more letters from us.",
    none_others="{who} gets no letters from us at present.",
    mistake="That was a mistake: undo",
    undone="All is as before",
    gets_again="{who} gets our letters again.",
    forgotten="We keep nothing of this address any more, and send it no letters.",
    lost="This link leads nowhere",
    lost_why="It is not one of ours, or a part of it was lost on the way. Please use the one in the letter.",
)
_GERMAN = Words(
    language="de",
    ask="Diese Briefe abbestellen?",
    gets_list="{who} erhält von uns Briefe der Liste „{list}“.",
    gets_all="{who} erhält Briefe von uns.",
    stop_list="„{list}“ abbestellen",
    stop_all="Alle Briefe abbestellen",
    choice="Es gilt sofort.",
    done="Erledigt",
    none_list="{who} erhält keine Briefe der Liste „{list}“ mehr.",
    none_all="{who} erhält keine Briefe mehr von uns.",
    none_others="{who} erhält zurzeit keine Briefe von uns.",
    mistake="Das war ein Versehen: rückgängig machen",
    undone="Alles wie zuvor",
    gets_again="{who} erhält wieder unsere Briefe.",
    forgotten="Zu dieser Adresse ist bei uns nichts mehr gespeichert, und wir schreiben ihr nicht.",
    lost="Dieser Link führt nirgendwohin",
    lost_why="Er stammt nicht von uns, oder ein Teil ging unterwegs verloren. Bitte nehmen Sie den aus dem Brief.",
)
_RUSSIAN = Words(
    language="ru",
    ask="Отписаться от этих писем?",
    gets_list="{who} получает от нас письма рассылки «{list}».",
    gets_all="{who} получает от нас письма.",
    stop_list="Отписаться от «{list}»",
    stop_all="Отписаться от всех писем",
    choice="Действует сразу.",
    done="Готово",
    none_list="{who} больше не получает писем рассылки «{list}».",
    none_all="{who} больше не получает от нас писем.",
    none_others="{who} сейчас не получает от нас писем.",
    mistake="Это ошибка: вернуть",
    undone="Всё как прежде",
    gets_again="{who} снова получает наши письма.",
    forgotten="Об этом адресе у нас ничего не хранится, и писем на него мы не отправляем.",
    lost="Эта ссылка никуда не ведёт",
    lost_why="Она не наша, или часть её потерялась по дороге. Возьмите, пожалуйста, ссылку из письма.",
)
_FRENCH = Words(
    language="fr",
    ask="Ne plus recevoir ces lettres ?",
    gets_list="{who} reçoit de notre part les lettres de la liste « {list} ».",
    gets_all="{who} reçoit des lettres de notre part.",
    stop_list="Quitter « {list} »",
    stop_all="Ne plus rien recevoir",
    choice="C’est immédiat.",
    done="C’est fait",
    none_list="{who} ne reçoit plus les lettres de la liste « {list} ».",
    none_all="{who} ne reçoit plus de lettres de notre part.",
    none_others="{who} ne reçoit pas de lettres de notre part en ce moment.",
    mistake="C’était une erreur : annuler",
    undone="Comme avant",
    gets_again="{who} reçoit à nouveau nos lettres.",
    forgotten="Nous ne conservons plus rien de cette adresse et ne lui écrivons plus.",
    lost="Ce lien ne mène nulle part",
    lost_why="Il n’est pas de nous, ou une partie s’est perdue en route. Prenez celui de la lettre.",
)
_SPANISH = Words(
    language="es",
    ask="¿Dejar de recibir estas cartas?",
    gets_list="{who} recibe de nosotros las cartas de la lista «{list}».",
    gets_all="{who} recibe cartas de nosotros.",
    stop_list="Dejar «{list}»",
    stop_all="No recibir nada más",
    choice="Surte efecto al momento.",
    done="Hecho",
    none_list="{who} ya no recibe cartas de la lista «{list}».",
    none_all="{who} ya no recibe cartas de nosotros.",
    none_others="{who} no recibe cartas de nosotros por ahora.",
    mistake="Fue un error: deshacer",
    undone="Todo como antes",
    gets_again="{who} vuelve a recibir nuestras cartas.",
    forgotten="Ya no guardamos nada de esta dirección ni le enviamos correos.",
    lost="Este enlace no lleva a ninguna parte",
    lost_why="No es nuestro, o una parte se perdió por el camino. Use el de la carta.",
)
_ALL = {one.language: one for one in (_ENGLISH, _GERMAN, _RUSSIAN, _FRENCH, _SPANISH)}
_MOST_READ = 200


def find_words(accepted: str) -> Words:
    """The words for an ``Accept-Language`` header, by its weights; English where nothing fits."""
    asked: list[tuple[float, int, str]] = []
    for place, one in enumerate(accepted[:_MOST_READ].split(",")):
        name, _, rest = one.partition(";")
        asked.append((-_weight(rest), place, name.strip().lower().partition("-")[0]))
    return next((_ALL[name] for weight, _, name in sorted(asked) if weight < 0 and name in _ALL), _ENGLISH)


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
