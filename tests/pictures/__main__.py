"""Draw the pictures again: the x-ray page in a real browser, after nine steps of its story, light and dark."""

from __future__ import annotations

import base64
import shutil
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from authref.app import Settings
from authref.xray.pages import XRay
from authref.xray.world import World
from tests.basics import TEST_COST
from tests.pictures import sequence
from tests.support import running
from tests.test_browser import FLAGS

HERE = Path(__file__).parent
STEPS = 9  # of the story: the thief's token still opens the door after the logout
WIDTH, HEIGHT = 1280, 1500  # pixels


def main() -> None:
    """Write the two diagrams, and xray-light.png and xray-dark.png, beside this file."""
    sequence.draw()
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--hide-scrollbars"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        for theme in ("light", "dark"):
            HERE.joinpath(f"xray-{theme}.png").write_bytes(_xray(browser, theme))
    finally:
        browser.quit()


def _xray(browser: webdriver.Chrome, theme: str) -> bytes:
    """The page after so many steps, its newest exchange unfolded."""
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
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


if __name__ == "__main__":
    main()
