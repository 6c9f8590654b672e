"""What a letter says for itself, apart from what it quotes: the forms of the mail programs people use."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherefrom.mail.html_text import html_text
from wherefrom.mail.reply import split_reply

OWN = "Thanks, we take two.\n\nAnna"
OLD = "How many chairs?\nRegards, Sales"
ANGLED = "> How many chairs?\n> Regards, Sales"
NAME = "Sales Dept <sales@company.example>"

# Lines that stand above the quoted text; the text below carries ">".
WITH_ANGLES = {
    "Gmail, English": f"On Mon, Nov 2, 2026 at 10:00 AM {NAME} wrote:",
    "Gmail, wrapped": "On Mon, Nov 2, 2026 at 10:00 AM Sales Dept <\nsales@company.example> wrote:",
    "Gmail, wrapped before the verb": f"On Mon, Nov 2, 2026 at 10:00 AM {NAME}\nwrote:",
    "Gmail, Russian": f"пн, 2 нояб. 2026 г. в 10:00, {NAME}:",
    "Gmail, German": f"Am Mo., 2. Nov. 2026 um 10:00 Uhr schrieb {NAME}:",
    "Gmail, German, wrapped": "Am Mo., 2. Nov. 2026 um 10:00 Uhr schrieb Sales Dept <\nsales@company.example>:",
    "Gmail, French": f"Le lun. 2 nov. 2026 à 10:00, {NAME} a écrit :",
    "Gmail, Spanish": "El lun, 2 nov 2026 a las 10:00, Sales (<sales@company.example>) escribió:",
    "Gmail, Italian": f"Il giorno lun 2 nov 2026 alle ore 10:00 {NAME} ha scritto:",
    "Gmail, Portuguese": f"Em seg., 2 de nov. de 2026 às 10:00, {NAME} escreveu:",
    "Gmail, Polish": f"pon., 2 lis 2026 o 10:00 {NAME} napisał(a):",
    "Gmail, Dutch": f"Op ma 2 nov 2026 om 10:00 schreef {NAME}:",
    "Gmail, Chinese": "Sales Dept <sales@company.example> 于2026年11月2日周一 10:00写道：",
    "Gmail, Japanese": f"2026年11月2日(月) 10:00 {NAME}:",
    "Gmail, Ukrainian": f"пн, 2 лист. 2026 р. о 10:00 {NAME} пише:",
    "Apple Mail, English": f"On 2. Nov 2026, at 10:00, {NAME} wrote:",
    "Apple Mail, Russian": f"2 нояб. 2026 г., в 10:00, {NAME} написал(а):",
    "Apple Mail, German": f"Am 02.11.2026 um 10:00 schrieb {NAME}:",
    "Apple Mail, French": f"Le 2 nov. 2026 à 10:00, {NAME} a écrit :",
    "Apple Mail, Chinese": f"在 2026年11月2日，10:00，{NAME} 写道：",
    "Thunderbird, English": "On 02.11.26 10:00, Sales Dept wrote:",
    "Thunderbird, German": "Am 02.11.26 um 10:00 schrieb Sales Dept:",
    "Thunderbird, Russian": "02.11.2026 10:00, Sales Dept пишет:",
    "Yandex": "02.11.2026, 10:00, \"Sales Dept\" <sales@company.example>:",
    "Yandex, words": "2 ноября 2026, 10:00, \"Sales Dept\" <sales@company.example>:",
    "Mail.ru": "Понедельник, 2 ноября 2026, 10:00 +03:00 от Sales Dept <sales@company.example>:",
    "Mail.ru, short": ">Понедельник, 2 ноября 2026, 10:00 +03:00 от Sales Dept <sales@company.example>:",
    "163": "At 2026-11-02 10:00:00, \"Sales\" <sales@company.example> wrote:",
    "Android, Russian": "02.11.2026 10:00 пользователь \"Sales\" <\nsales@company.example> написал:",
    "Swedish": "Den 2 november, 2026 10:00:18, Sales Dept (sales@company.example) skrev:",
    "far above": f"On 2 Nov 2026, at 10:00, {NAME} wrote:\n\n\n",
    "name alone": "Sales Dept wrote:",
    "nothing above": "",
}  # fmt: skip

# Lines below which all is quoted, though nothing marks it.
WITHOUT_ANGLES = {
    "Outlook, English": f"-----Original Message-----\nFrom: {NAME}\n"
    "Sent: Monday, November 2, 2026 10:00 AM\nTo: Anna\nSubject: RE: chairs\n",
    "Outlook, rule": f"________________________________\nFrom: {NAME}\n"
    "Sent: Monday, November 2, 2026 10:00 AM\nTo: Anna\nSubject: chairs\n",
    "Outlook, header only": f"From: {NAME}\nSent: Monday, November 2, 2026 10:00 AM\nTo: Anna\nCc: Bob\n"
    "Subject: chairs\n",
    "Outlook, bold": f"*From:* {NAME}\n*Sent:* Monday, November 2, 2026\n*To:* Anna\n*Subject:* chairs\n",
    "Outlook, German": f"Von: {NAME}\nGesendet: Montag, 2. November 2026 10:00\nAn: Anna\nBetreff: AW: Stühle\n",
    "Outlook, German, separator": f"-----Ursprüngliche Nachricht-----\nVon: {NAME}\n",
    "Outlook, French": f"De : {NAME}\nEnvoyé : lundi 2 novembre 2026 10:00\nÀ : Anna\nObjet : chaises\n",
    "Outlook, Spanish": f"De: {NAME}\nEnviado el: lunes, 2 de noviembre de 2026 10:00\nPara: Anna\nAsunto: sillas\n",
    "Outlook, Russian": f"От: {NAME}\nОтправлено: 2 ноября 2026 г. 10:00\nКому: Anna\nТема: стулья\n",
    "Outlook, Chinese": f"发件人: {NAME}\n发送时间: 2026年11月2日 10:00\n收件人: Anna\n主题: 椅子\n",
    "Outlook, Polish": f"Od: {NAME}\nWysłano: poniedziałek, 2 listopada 2026\nDo: Anna\nTemat: krzesła\n",
    "Hotmail": f"Date: Mon, 2 Nov 2026 10:00:45 +0100\nSubject: chairs\nFrom: {NAME}\nTo: Anna\n",
    "Danish": f"Fra: {NAME}\nSendt: 2. november 2026 10:00\nTil: Anna\nEmne: stole\n",
    "Danish, separator": "-----Oprindelig meddelelse-----\n",
    "a phone's separator": "---- Sales Dept wrote ----\n",
    "QQ": f"------------------ 原始邮件 ------------------\n发件人: {NAME};\n发送时间: 2026年11月2日\n",
    "Mail.ru forward": f"-------- Пересылаемое сообщение --------\nОт кого: {NAME}\nКому: Anna\n"
    "Дата: 2 ноября 2026\nТема: стулья\n",
    "Yandex forward": "-------- Пересылаемое сообщение --------\n"
    "02.11.2026, 10:00, \"Sales\" <sales@company.example>:\n",
    "Gmail forward": f"---------- Forwarded message ---------\nFrom: {NAME}\n"
    "Date: Mon, Nov 2, 2026 at 10:00\nSubject: chairs\nTo: Anna\n",
    "Apple forward": f"Begin forwarded message:\n\nFrom: {NAME}\nSubject: chairs\nDate: 2 November 2026\nTo: Anna\n",
    "Gmail on a phone": f"On Mon, Nov 2, 2026, 10:00 {NAME} wrote:\n",
    "Russian without angles": f"пн, 2 нояб. 2026 г. в 10:00, {NAME}:\n",
    "German without angles": f"Am 02.11.2026 um 10:00 schrieb {NAME}:\n",
    "Chinese without angles": f"在 2026-11-02 10:00:00，{NAME} 写道：\n",
    "Mail.ru without angles": f"Понедельник, 2 ноября 2026, 10:00 +03:00 от {NAME}:\n",
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_ANGLES)
def test_a_quote_with_angles_is_told_from_what_was_written_above_it(name: str) -> None:
    reply = split_reply(f"{OWN}\n\n{WITH_ANGLES[name]}\n{ANGLED}\n")
    assert reply.own == OWN
    assert reply.quoted.endswith(ANGLED)


@pytest.mark.parametrize("name", [name for name in WITH_ANGLES if name != "nothing above"])
def test_a_reply_below_its_quote_is_found_too(name: str) -> None:
    reply = split_reply(f"{WITH_ANGLES[name]}\n\n{ANGLED}\n\n{OWN}")
    assert reply.own == OWN
    assert [one.quoted for one in reply.stretches] == [True, False]


@pytest.mark.parametrize("name", WITHOUT_ANGLES)
def test_a_quote_without_angles_is_told_by_what_stands_above_it(name: str) -> None:
    reply = split_reply(f"{OWN}\n\n{WITHOUT_ANGLES[name]}\n{OLD}")
    assert reply.own == OWN
    assert reply.quoted == f"{WITHOUT_ANGLES[name]}\n{OLD}".strip()


def test_a_reply_between_the_quoted_lines_keeps_its_places() -> None:
    text = (
        f"On Mon, Nov 2, 2026 at 10:00 {NAME} wrote:\n> How many?\n\nTwo.\n\n> In red?\n> Or blue?\n\nIn red.\n\nAnna"
    )
    reply = split_reply(text)
    assert [(one.quoted, one.text.split("\n")[0][:8]) for one in reply.stretches] == [
        (True, "On Mon, "), (False, "Two."), (True, "> In red"), (False, "In red."),
    ]  # fmt: skip
    assert reply.own == "Two.\n\nIn red.\n\nAnna"


def test_a_letter_that_only_forwards_has_no_own_words() -> None:
    assert split_reply(f"---------- Forwarded message ---------\nFrom: {NAME}\nSubject: x\nTo: y\n\nold").own == ""


@pytest.mark.parametrize(
    "text",
    [
        "We need:\n- chairs\n- tables",
        "I wrote:\nnothing",
        "Delivery on 2.11.2026 at 10:00:\nplease ring twice",
        "From: the second floor\nwe need chairs",
        "From: Hamburg\nTo: Berlin\nfive chairs",
        "Please transport:\nFrom: Hamburg\nTo: Berlin\nDate: 2 November 2026\nfive chairs",
        "From: Anna <anna@customer.example>\nDate: 2 November 2026\nSubject: Quote\n\nMessage Body:\nHow much?",
        "Откуда: Москва\nКому: на склад\nДата: 2 ноября\nпять стульев",
        "- - -\nwe wrote\n- - -",
        "The price must be\n>50 and <100",
        "Date: 2 November\nTime: 10:00\nPlace: Hamburg",
        "Please see below.\n----------\nTwo chairs\n----------\nOne table",
        "Am Montag um 10:00 bitte liefern:\nzwei Stühle",
        "Нужны стулья:\nдва красных",
        "",
        "   \n \n",
    ],
)
def test_what_only_looks_like_a_quote_is_left_with_its_writer(text: str) -> None:
    assert split_reply(text).own == text.strip()
    assert split_reply(text).quoted == ""


def test_quotes_in_html_carry_angles_in_the_text() -> None:
    html = (
        '<div dir="ltr">Thanks, we take two.</div><br><div class="gmail_quote"><div class="gmail_attr">'
        'On Mon, Nov 2, 2026 at 10:00 AM Sales &lt;<a href="mailto:sales@company.example">s@c.example</a>&gt; '
        "wrote:<br></div>"
        '<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid"><div>How many?<br>'
        "<blockquote>older</blockquote></div></blockquote></div>"
    )
    reply = split_reply(html_text(html))
    assert reply.own == "Thanks, we take two."
    assert reply.quoted.endswith("> How many?\n>\n> > older")


def test_outlooks_quoted_header_in_html_is_found() -> None:
    html = (
        '<p class="MsoNormal">Thanks, we take two.</p><div id="divRplyFwdMsg"><hr>'
        "<b>From:</b> Sales &lt;s@c.example&gt;<br>"
        "<b>Sent:</b> Monday, 2 November 2026<br><b>To:</b> Anna<br><b>Subject:</b> chairs</div><div>How many?</div>"
    )
    assert split_reply(html_text(html)).own == "Thanks, we take two."


def test_an_indented_paragraph_in_html_is_no_quote() -> None:
    html = 'We need:<blockquote style="margin: 0 0 0 40px; border: none; padding: 0px">two chairs</blockquote>'
    assert split_reply(html_text(html)).own == "We need:\n\ntwo chairs"


FORMS = [
    *WITH_ANGLES.values(),
    *WITHOUT_ANGLES.values(),
    ANGLED,
    OLD,
    OWN,
    "",
    ">",
    "> ",
    "wrote:",
    ":",
    "<a@b.example>:",
]


@given(st.lists(st.one_of(st.sampled_from(FORMS), st.text(max_size=30)), max_size=8).map("\n".join))
@settings(max_examples=300)
def test_no_line_is_lost_and_none_is_told_twice(text: str) -> None:
    reply = split_reply(text)
    told = [line.rstrip() for one in reply.stretches for line in one.text.split("\n") if line.strip()]
    assert told == [line.rstrip() for line in text.split("\n") if line.strip()]
    assert all(one.text for one in reply.stretches)
    assert [one.quoted for one in reply.stretches[1:]] == [not one.quoted for one in reply.stretches[:-1]]
