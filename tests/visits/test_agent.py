"""User agents as they are sent today: devices, browsers, and machines that must be shown the real address."""

from __future__ import annotations

import pytest

from tests.visits.stage import AGENTS
from wherefrom.visits.agent import LONGEST

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
LINUX = "Mozilla/5.0 (X11; Linux x86_64"
ANDROID = "Mozilla/5.0 (Linux; Android"
IPAD = f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {APPLE}"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {APPLE}"


PEOPLE = [
    (f"{WINDOWS} {CHROME} Safari/537.36", "desktop", "Windows 10", "Chrome 126"),
    (f"{WINDOWS} {CHROME} Safari/537.36 Edg/126.0", "desktop", "Windows 10", "Edge 126"),
    (f"{WINDOWS} {CHROME} YaBrowser/24.6.0.0 Safari/537.36", "desktop", "Windows 10", "Yandex Browser 24"),
    (f"{MAC} {APPLE} Version/17.5 Safari/605.1.15", "desktop", "Mac OS X 10", "Safari 17"),
    (f"{LINUX}; rv:127.0) Gecko/20100101 Firefox/127.0", "desktop", "Linux", "Firefox 127"),
    (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "phone", "iOS 17", "Mobile Safari 17"),
    (f"{IPAD} Version/17.5 Mobile/15E148 Safari/604.1", "tablet", "iOS 17", "Mobile Safari 17"),
    (f"{ANDROID} 14; Pixel 8) {CHROME} Mobile Safari/537.36", "phone", "Android 14", "Chrome Mobile 126"),
    (f"{ANDROID} 13; SM-X900) {CHROME} Safari/537.36", "tablet", "Android 13", "Chrome 126"),
    (f"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {CHROME} TV Safari/537.36", "other", "Tizen 6", "Chrome 126"),
    (f"{IPHONE} Mobile/15E148 Instagram 336.0.0.25.90 (iPhone14,5; iOS 17_5)", "phone", "iOS 17", "Instagram 336"),
    (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/468.0.0.36;FBDV/iPhone14,5]", "phone", "iOS 17", "Facebook 468"),
    (f"{IPHONE} Mobile/15E148 [Pinterest/iOS]", "phone", "iOS 17", "Pinterest"),
    (f"{IPHONE} GSA/321.0.641 Mobile/15E148 Safari/604.1", "phone", "iOS 17", "Google 321"),
    (f"{IPHONE} Mobile/15E148 WhatsApp/2.24.13", "phone", "iOS 17", "WhatsApp 2"),
    (f"{ANDROID} 13; CUBOT NOTE 50) {CHROME} Mobile Safari/537.36", "phone", "Android 13", "Chrome Mobile 126"),
]

MACHINES = [
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler list: Googlebot/"),
    (
        f"{ANDROID} 6.0.1; Nexus 5X) {CHROME} Mobile Safari/537.36 (compatible; Googlebot/2.1)",
        "crawler list: Googlebot/",
    ),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "crawler list: yandex.com/bots"),
    ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)", "crawler list: GPTBot"),
    (f"{LINUX}) {CHROME.replace('Chrome', 'HeadlessChrome')} Safari/537.36", "crawler list: HeadlessChrome"),
    (f"{WINDOWS} {CHROME} Safari/537.36 Chrome-Lighthouse", "crawler list: Chrome-Lighthouse"),
    ("WhatsApp/2.24.13 A", "crawler list: WhatsApp"),
    ("facebookexternalhit/1.1", "crawler list: facebookexternalhit"),
    ("curl/8.5.0", "crawler list: curl"),
    ("python-requests/2.32.3", "crawler list: python-requests"),
    ("", "no user agent"),
    ("   ", "no user agent"),
    ("Mozilla/5.0", "no browser that is known"),
    ("x" * 100_000, "no browser that is known"),
]


@pytest.mark.parametrize(("text", "device", "os", "browser"), PEOPLE, ids=[row[3] + " " + row[2] for row in PEOPLE])
def test_a_person_is_seen_with_device_system_and_browser(text: str, device: str, os: str, browser: str) -> None:
    assert AGENTS.find(text) == (device, os, browser, None, text)


@pytest.mark.parametrize(("text", "reason"), MACHINES, ids=[row[0][:40] or "nothing" for row in MACHINES])
def test_a_machine_is_told_apart_with_a_reason(text: str, reason: str) -> None:
    assert AGENTS.find(text).bot == reason


def test_a_long_text_is_looked_at_no_further_than_its_head() -> None:
    head = PEOPLE[0][0].ljust(LONGEST)
    assert AGENTS.find(head + "Googlebot/2.1") is AGENTS.find(head)


def test_values_fit_their_columns() -> None:
    found = AGENTS.find(f"Mozilla/5.0 (Linux; Android 14; x) {CHROME} " + "Y" * 300 + "/" + "9" * 80)
    assert max(len(found.os), len(found.browser)) <= 64
    assert len(found.device) <= 16
