"""The system's own Chromium, driven by Playwright. Every host name leads to loopback: no page reaches the outside."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright._impl._driver import compute_driver_executable
from playwright.async_api import Browser, async_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

# A page opened as http://shop.example:PORT/ comes from the test's own server under a name of its own, which is what
# makes cross-origin rules, subdomains and referrers real. Such a page is no secure context: use localhost for one.
HOST_MAP = "MAP * 127.0.0.1, EXCLUDE localhost"

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

# Of several such switches Chromium heeds the last, so Playwright's own list is said again (a test compares them). What
# is added: the address bar's lists, which are two pages with processes of their own in every window, though nobody sees
# it; and the process kept ready for a next site. A page costs 0.2 s of CPU without them and 0.5 s with them.
WITHOUT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
    "msForceBrowserSignIn",
    "msEdgeUpdateLaunchServicesPreferredVersion",
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "SpareRendererForSitePerProcess",
)

PATIENT = "(given => AbortSignal.timeout = ms => given.call(AbortSignal, 12 * ms))(AbortSignal.timeout)"
"""Run before a page's own scripts: ours gives a request up after five seconds, which a browser and a service beside a
build may need between them."""

ARGUMENTS = (
    "--no-sandbox",  # Chromium refuses to run as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(WITHOUT)}",
    f"--host-resolver-rules={HOST_MAP}",
    # Without a window it calls itself HeadlessChrome, which the collector takes for a machine.
    f"--user-agent={USER_AGENT}",
)


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Browser]:
    """A browser without a window, closed at the end. Playwright's own downloads are never used."""
    program = find_program()
    if program is None:
        raise RuntimeError("Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS), timeout=120_000)
        try:
            yield browser
        finally:
            await browser.close()


def find_program() -> str | None:
    """The first of the known names in PATH."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def find_obstacle() -> str | None:
    """Why no Chromium can be driven here; None when it can.

    Playwright brings a Node.js of its own, which wants a library that a small Debian lacks (libatomic1).
    """
    if find_program() is None:
        return "is not installed"
    node, _ = compute_driver_executable()
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return f"cannot be driven: {done.stderr.strip()}" if done.returncode else None
