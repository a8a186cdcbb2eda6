"""Draw the pictures again; what is a page, in a real browser, light and dark.

The x-ray page is shown after nine steps of its story; the comparison at the place where logins are ended.
"""

from __future__ import annotations

import base64
import io
import shutil
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from authref import compare
from authref.app import Settings
from authref.xray.pages import XRay
from authref.xray.world import World
from tests.basics import TEST_COST
from tests.pictures import sequence, terminal
from tests.support import running
from tests.test_browser import FLAGS

HERE = Path(__file__).parent
STEPS = 9  # of the story: the thief's token still opens the door after the logout
WIDTH, HEIGHT = 1280, 1500  # pixels


def main() -> None:
    """Write all of them beside this file."""
    sequence.draw()
    terminal.draw()
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--hide-scrollbars"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        for theme in ("light", "dark"):
            HERE.joinpath(f"xray-{theme}.png").write_bytes(_xray(browser, theme))
            HERE.joinpath(f"compare-{theme}.png").write_bytes(_compare(browser, theme))
    finally:
        browser.quit()


def _xray(browser: webdriver.Chrome, theme: str) -> bytes:
    """The page after so many steps, its newest exchange unfolded."""
    _window(browser, WIDTH, HEIGHT, theme)
    page = XRay(World(Settings(bcrypt_cost=TEST_COST)))
    with running(page, threads=16) as server:  # type: ignore[arg-type]
        browser.get(page.opened(server.url))
        until = WebDriverWait(browser, 30).until
        until(lambda _: browser.find_element(By.TAG_NAME, "body").get_attribute("data-ready"))
        for number in range(STEPS):
            browser.find_element(By.ID, "do").click()
            until(lambda _: browser.find_element(By.ID, "do").is_enabled())
            if number < STEPS - 1:
                browser.find_element(By.ID, "next").click()
        until(lambda _: "/token/me" in browser.find_element(By.CSS_SELECTOR, "#feed summary").text)
        browser.find_element(By.CSS_SELECTOR, "#feed summary").click()
        browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        time.sleep(1)  # until what is new no longer fades in
        picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        browser.get("about:blank")
        return base64.b64decode(picture["data"])


def _compare(browser: webdriver.Chrome, theme: str) -> bytes:
    """The part of the comparison that says when access ends."""
    _window(browser, WIDTH, HEIGHT, theme)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        with redirect_stdout(io.StringIO()):
            compare.main(["--quick", "--html", str(page)])
        browser.get(page.as_uri())
        top, end = browser.execute_script(
            "const head = [...document.querySelectorAll('h2')].find((each) => each.textContent.includes('Revocation'));"
            "let next = head; while (next.tagName != 'H3') next = next.nextElementSibling;"
            "return [head, next].map((each) => each.getBoundingClientRect().top + scrollY)"
        )
    clip = {"x": 0, "y": top - 8, "width": WIDTH, "height": end - top - 8, "scale": 1}
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    return base64.b64decode(picture["data"])


def _window(browser: webdriver.Chrome, width: int, height: int, theme: str) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


if __name__ == "__main__":
    main()
