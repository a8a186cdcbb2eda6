"""The book in a real Chromium, on a phone and on a screen, light and dark, and on paper.

Needs what test_xray_page.py needs, and markdown-it-py and pygments; without them the tests are skipped.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import tempfile
import unittest
from pathlib import Path

from tests.test_browser import CHROMIUM, DRIVER, FLAGS

try:
    from selenium import webdriver
except ImportError:
    webdriver = None  # type: ignore[assignment]

AXE = os.environ.get("AUTHREF_AXE", "")
MISSING = not (webdriver and CHROMIUM and DRIVER and importlib.util.find_spec("markdown_it"))
MISSING = MISSING or not importlib.util.find_spec("pygments")
MAX_SHEETS = 300  # of paper


@unittest.skipIf(MISSING, "needs selenium, chromium, chromedriver, markdown-it-py and pygments")
class InABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        from authref.book.page import book

        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        path = Path(folder, "book.html")
        path.write_text(book(), "utf-8")
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in FLAGS:
            options.add_argument(flag)
        cls.browser = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
        cls.addClassCleanup(cls.browser.quit)
        cls.browser.set_script_timeout(120)
        cls.browser.get(path.as_uri())

    def look(self, width: int, theme: str) -> None:
        """A window of this width, for a reader who likes this theme."""
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def test_no_wider_than_the_window(self) -> None:
        """Nothing has to be pushed sideways, but a table of many columns, in its own place."""
        for width in (400, 1280):
            self.look(width, "light")
            with self.subTest(width):
                root = "document.documentElement"
                told = self.browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
                self.assertEqual(told[0], told[1])

    def test_colours(self) -> None:
        """A reader who likes it dark gets a dark page, and the others a light one."""
        seen = []
        for theme in ("light", "dark"):
            self.look(1280, theme)
            seen.append(self.browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(seen, ["rgb(253, 252, 249)", "rgb(22, 23, 26)"])

    @unittest.skipUnless(Path(AXE).is_file(), "needs axe-core; AUTHREF_AXE names its axe.min.js")
    def test_accessibility(self) -> None:
        """axe finds nothing in the first chapters and on the pages, light and dark."""
        self.browser.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(AXE).read_text("utf-8")})
        parts = ["nav", "#tiny", "#cookies", "#sessions", "#page-questions", "#page-limits", "#page-how-fast"]
        for width, theme in ((400, "light"), (1280, "dark")):
            self.look(width, theme)
            found = self.browser.execute_async_script(
                "axe.run({include: arguments[0].map((each) => [each])}).then((all) => arguments[1](all.violations))",
                parts,
            )
            with self.subTest(width=width, theme=theme):
                told = [(each["id"], [node["target"] for node in each["nodes"]][:4]) for each in found]
                self.assertEqual(told, [])

    def test_on_paper(self) -> None:
        """It prints, dark or not on the screen, with what is folded there, on a number of sheets that one can carry."""
        self.look(1280, "dark")
        printed = self.browser.execute_cdp_cmd("Page.printToPDF", {"transferMode": "ReturnAsBase64"})
        pdf = base64.b64decode(printed["data"])
        self.assertEqual(pdf[:5], b"%PDF-")
        self.assertLess(pdf.count(b"/Type /Page\n"), MAX_SHEETS)
        self.assertGreater(pdf.count(b"/Type /Page\n"), 100)


if __name__ == "__main__":
    unittest.main()
