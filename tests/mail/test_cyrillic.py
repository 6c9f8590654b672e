"""Cyrillic letters in the wrong drawer: told by how often letters come, and never where they are in the right one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.mail.charset import decode_text
from wherefrom.mail.cyrillic import FAMILY, find_better, find_cyrillic

RUSSIAN = [
    "Здравствуйте, сколько стоит доставка стула в Казань?",
    "Добрый день! Пришлите, пожалуйста, прайс-лист на офисную мебель.",
    "СРОЧНО НУЖЕН СЧЁТ НА ПЯТЬ СТОЛОВ",
    "Подскажите, есть ли в наличии кресло «Президент» чёрного цвета? Спасибо.",
    "Прошу выставить счёт на 12 стульев и 3 стола, оплата по безналу.",
    "Мы хотели бы заказать у вас шкафы, но не нашли размеров на сайте. Перезвоните, если удобно.",
    "Вопрос по заказу № 1042: когда отгрузка — сегодня или завтра?",
    "Цена стула",
    "Re: Ваш вопрос",
]
OTHERS = [
    "Добрий день, скільки коштує доставка стільця до Києва?",
    "Здравейте, колко струва доставката на стола до София?",
    "Добры дзень! Колькі каштуе крэсла з дастаўкай у Мінск?",
    "Добар дан, колико кошта столица са испоруком у Београд?",
    "Добар ден, колку чини столчето со достава до Скопје?",
]
WESTERN = [
    "Grüße aus Köln: Was kostet der Stuhl? Schöne Grüße, Jürgen Müller",
    "Où puis-je acheter cette chaise ? Déjà épuisée ? À bientôt, Hélène",
    "¿Cuánto cuesta la silla? El niño está mañana en Málaga.",
    "Não há preços no site. Já está disponível? Obrigado, João",
    "Hvad koster stolen? Æblegrød på Ærø, tak. Sørensen",
    "Mitä tuoli maksaa? Hyvää päivää, Äijä Öövinen",
    "ÄÖÜ ÄÖÜ ÄÖÜ – GRÜSSE",
    "Ça coûte 5 € – “très cher” !",
    "Þórður á Íslandi spyr: hvað kostar stóllinn?",
]


@pytest.mark.parametrize("text", RUSSIAN)
@pytest.mark.parametrize("codec", FAMILY)
@pytest.mark.parametrize("label", [None, "us-ascii", "utf-8", "x-unknown"])
def test_russian_under_no_label_or_an_impossible_one_is_read(text: str, codec: str, label: str | None) -> None:
    readable = text.encode(codec, "ignore").decode(codec)
    assert decode_text(readable.encode(codec), label)[0] == readable


@pytest.mark.parametrize("text", [text for text in RUSSIAN if len(text) > 20])
@pytest.mark.parametrize("codec", FAMILY)
@pytest.mark.parametrize("label", [*FAMILY, "iso-8859-1", "windows-1252"])
def test_russian_under_a_wrong_label_is_read(text: str, codec: str, label: str) -> None:
    readable = text.encode(codec, "ignore").decode(codec)
    assert decode_text(readable.encode(codec), label) == (readable, label != codec)


@pytest.mark.parametrize("text", RUSSIAN + OTHERS)
@pytest.mark.parametrize("codec", ["cp1251", "koi8-r", "iso8859-5"])
def test_a_right_label_is_believed_in_every_language(text: str, codec: str) -> None:
    readable = text.encode(codec, "ignore").decode(codec)
    assert decode_text(readable.encode(codec), codec) == (readable, False)


@pytest.mark.parametrize("text", WESTERN)
@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1252", "iso-8859-15", None])
def test_western_text_is_never_taken_for_cyrillic(text: str, label: str | None) -> None:
    codec = "iso8859-15" if label == "iso-8859-15" else "cp1252"
    readable = text.encode(codec, "ignore").decode(codec)
    assert decode_text(readable.encode(codec), label)[0] == readable


@given(st.binary(max_size=400), st.sampled_from([*FAMILY, "cp1252"]))
def test_any_bytes_get_an_answer_of_the_family_or_none(data: bytes, named: str) -> None:
    assert find_cyrillic(data) in (*FAMILY, None)
    assert find_better(data, named) in ({*FAMILY} - {named} | {None})
