"""The x-ray page in a real Chromium: pressed as a person presses, by mouse and by keyboard alone.

Needs selenium, chromium and chromedriver, and for the claims about accessibility axe-core, whose axe.min.js the
variable AUTHREF_AXE names; without them the tests are skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

from authref.xray.pages import XRay
from authref.xray.story import STORY
from tests.support import running
from tests.test_browser import CHROMIUM, DRIVER, FLAGS
from tests.test_cli import environment
from tests.test_xray import world

try:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    webdriver = None

AXE = os.environ.get("AUTHREF_AXE", "")
PATIENCE = 30  # seconds until something must have happened, on a busy machine too
VERDICTS = """
return [...document.querySelectorAll("#feed > li > details")].reverse().map((box) => {
  const summary = box.querySelector("summary");
  const [, path, status] = summary.textContent.match(/(\\S+) → (\\d+)/);
  return [summary.querySelector(".who").textContent, path, Number(status), summary.textContent];
});
"""

TOO_WIDE = """
const width = document.documentElement.clientWidth;
return document.documentElement.scrollWidth <= width ? [] : [...document.querySelectorAll("body *")]
  .filter((each) => each.getBoundingClientRect().right > width && !each.closest("[data-map]"))
  .map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 40)}`).slice(0, 5);
"""


class Shared:
    browser: Any


def setUpModule() -> None:
    if webdriver is None or not CHROMIUM or not DRIVER:
        raise unittest.SkipTest("needs selenium, chromium and chromedriver")
    profile = tempfile.mkdtemp(prefix="authref-xray-")
    unittest.addModuleCleanup(shutil.rmtree, profile, ignore_errors=True)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    Shared.browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    unittest.addModuleCleanup(Shared.browser.quit)
    Shared.browser.set_script_timeout(PATIENCE)


class PageCase(unittest.TestCase):
    """The page, open and ready; each test has a server of its own."""

    def setUp(self) -> None:
        self.page = XRay(world())
        server = self.enterContext(running(self.page, threads=16))  # type: ignore[arg-type]
        self.address = self.page.opened(server.url)
        self.browser = Shared.browser
        self.width(1280)
        self.browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.browser.get_log("browser")
        self.browser.get(self.address)
        self.until(lambda: self.browser.find_element(By.TAG_NAME, "body").get_attribute("data-ready"))
        self.addCleanup(self.browser.get, "about:blank")  # it asks for the feed no more

    def width(self, columns: int, theme: str = "light") -> None:
        """A window so wide, in a theme."""
        size = {"width": columns, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def until(self, condition: Any) -> Any:
        """What the condition gives as soon as it is true."""
        return WebDriverWait(self.browser, PATIENCE, 0.02).until(lambda _: condition())

    def element(self, name: str) -> Any:
        return self.browser.find_element(By.ID, name)

    def press(self, button: str) -> None:
        """Press the button of this name, and wait until it can be pressed again."""
        found = self.browser.find_element(By.CSS_SELECTOR, f'[data-press="{button}"]')
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()
        self.until(found.is_enabled)

    def feed(self) -> list[tuple[str, str, int, str]]:
        """(who, path, status, all that the line says) of each exchange on the page, oldest first."""
        return [tuple(row) for row in self.browser.execute_script(VERDICTS)]

    def shown(self, count: int) -> list[tuple[str, str, int, str]]:
        """The feed, once it has so many lines."""
        self.until(lambda: len(self.feed()) >= count)
        return self.feed()

    def unfold(self) -> None:
        """Open everything, also what appears only then."""
        for appears in ("#feed .tree", "#feed .ran"):
            self.browser.execute_script("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
            self.until(lambda appears=appears: self.browser.find_elements(By.CSS_SELECTOR, appears))


class TheStory(PageCase):
    def test_from_first_to_last_step(self) -> None:
        """Next, do it, next: each step shows in the feed what it says, in both columns; the end shows the answers."""
        seen = 0
        for number, step in enumerate(STORY, 1):
            with self.subTest(step.title):
                self.assertIn(f"{number} of {len(STORY)}. {step.title}", self.element("story-title").text)
                self.element("do").click()
                self.until(self.element("do").is_enabled)
                lines = self.shown(seen + len(step.seen))[seen:]
                seen += len(lines)
                self.assertEqual([line[:3] for line in lines], list(step.seen))
                for who, path, status, text in lines:
                    if path in ("/me", "/token/me"):
                        self.assertIn("let in" if status == 200 else "refused", text)
                    if (who, path, status) == ("you", "/token/me", 200):
                        self.assertIn("looked up: nothing", text)
                if number < len(STORY):
                    self.element("next").click()
        self.assertEqual(len(self.element("story-answers").find_elements(By.TAG_NAME, "li")), 2)
        self.assertEqual([line["message"] for line in self.browser.get_log("browser") if line["level"] == "SEVERE"
                          and "401" not in line["message"]], [])  # fmt: skip

    def test_a_page_that_is_loaded_again(self) -> None:
        """It goes on with the step that it was at, and knows which are done.

        After "begin again", and on the page of a server that was started anew, it is the first one.
        """

        def ready() -> str | None:
            return self.browser.find_element(By.TAG_NAME, "body").get_attribute("data-ready")

        self.element("do").click()
        self.shown(1)
        self.until(self.element("do").is_enabled)
        self.element("next").click()
        for title, text in ((f"2 of {len(STORY)}", STORY[1].text), (f"1 of {len(STORY)}", STORY[0].text)):
            self.browser.refresh()
            self.until(ready)
            self.assertIn(title, self.element("story-title").text)
            self.assertEqual(self.element("story-text").text, text)
            self.press("begin")
            self.until(lambda: f"1 of {len(STORY)}" in self.element("story-title").text)
        self.element("next").click()
        self.page.secret = "a-server-that-was-started-anew-0"
        self.browser.get(self.page.opened(self.browser.execute_script("return location.origin")))
        self.until(ready)
        self.assertIn(f"1 of {len(STORY)}", self.element("story-title").text)

    def test_by_keyboard_alone(self) -> None:
        """Tab and Enter are enough for the story: the focus goes to the next thing to press."""
        self.element("do").send_keys(Keys.ENTER)
        self.shown(1)
        self.until(lambda: self.browser.switch_to.active_element.get_attribute("id") == "next")
        self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.assertIn("2 of 12", self.element("story-title").text)
        self.browser.switch_to.active_element.send_keys(Keys.SHIFT, Keys.TAB)
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("id"), "do")
        self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.assertEqual(self.shown(2)[1][:3], ("you", "/login", 200))
        summary = self.browser.find_element(By.CSS_SELECTOR, "#feed summary")
        summary.send_keys(Keys.ENTER)
        line = self.until(lambda: self.browser.find_elements(By.CSS_SELECTOR, "#feed .bytes button"))[1]
        line.send_keys("")  # it has the focus now
        self.assertIn("Read", self.browser.find_element(By.CSS_SELECTOR, "#feed .help").text)


class ThiefAndClock(PageCase):
    def test_in_each_mode(self) -> None:
        """The thief's copy of the token lives on after the logout in the mode that asks nothing, and in no other."""
        self.press("signup")
        for mode, after_logout in (("none", 200), ("denylist", 401), ("allowlist", 401)):
            with self.subTest(mode):
                self.browser.find_element(By.CSS_SELECTOR, f'[name=mode][value="{mode}"]').click()
                for button in ("session.login", "token.login", "steal.cookie", "steal.token", "session.logout",
                               "token.logout"):  # fmt: skip
                    self.press(button)
                before = len(self.feed())
                self.press("thief.cookie")
                self.press("thief.token")
                lines = [line for line in self.shown(before + 2) if line[0] == "thief"]
                self.assertEqual([line[2] for line in lines[-2:]], [401, after_logout])
                self.press("clock.900")
                self.press("thief.token")
                self.until(lambda: self.feed()[-1][2] == 401)

    def test_trouble(self) -> None:
        """Locked out, a new password, logged out everywhere, another key, a second server: each ends what it ends."""
        self.press("signup")
        self.press("session.login")
        self.press("token.login")
        self.press("second.cookie")
        self.press("second.token")
        lines = self.shown(5)
        answers = [("second server", "/me", 401), ("second server", "/token/me", 200)]
        self.assertEqual([line[:3] for line in lines[-2:]], answers)
        self.press("key")
        self.press("token.me")
        self.assertEqual(self.shown(6)[-1][2], 401)
        self.press("token.login")
        self.press("password")
        self.press("session.me")
        self.assertEqual(self.shown(9)[-1][2], 200)  # this session goes on, under a new id
        self.press("everywhere")
        self.press("session.me")
        self.assertEqual(self.shown(11)[-1][2], 401)
        self.press("session.login")
        self.press("lock")
        self.press("session.me")
        self.assertEqual(self.shown(15)[-1][2], 401)
        self.press("begin")
        self.until(lambda: not self.feed())
        self.assertIn("1 of 12", self.element("story-title").text)


class WhatTravels(PageCase):
    def test_curl(self) -> None:
        """A request from another terminal is in the feed, marked as curl's, within the moment; markup stays text."""
        curl = shutil.which("curl")
        assert curl
        url = f"{self.address.partition('/xray/')[0]}/<img src=x onerror=alert(1)>"
        subprocess.run([curl, "-s", "-g", "-o", os.devnull, url.replace(" ", "%20")], check=True)
        subprocess.run([curl, "-s", "-o", os.devnull, f"{self.address.partition('/xray/')[0]}/me"], check=True)
        lines = self.shown(2)
        self.assertEqual(lines[-1][:3], ("curl", "/me", 401))
        self.assertEqual(self.browser.find_elements(By.CSS_SELECTOR, "#feed img"), [])

    def test_how_soon(self) -> None:
        """An exchange is on the page within 100 ms of its answer, median of twenty; a busy machine may take longer."""
        self.press("signup")
        self.press("session.login")
        self.shown(2)
        script = """
        const done = arguments[0], before = document.querySelectorAll("#feed > li > details").length;
        fetch("/me").then((answer) => answer.text()).then(() => {
          const start = performance.now();
          const look = () => document.querySelectorAll("#feed > li > details").length > before
            ? done(performance.now() - start) : setTimeout(look, 1);
          look();
        });
        """
        waits = [self.browser.execute_async_script(script) for _ in range(20)]
        self.assertLess(statistics.median(waits), 100 * max(1.0, os.getloadavg()[0]))

    def test_edited_requests(self) -> None:
        """Each idea is sent as it stands there and refused by the right check, which the feed names."""
        for button in ("signup", "session.login", "token.login"):
            self.press(button)
        self.element("break-box").find_element(By.TAG_NAME, "summary").click()
        ideas = self.element("ideas").find_elements(By.TAG_NAME, "option")
        self.assertGreaterEqual(len(ideas), 12)
        rungs = {
            "flipped": "BadSignature",
            "an admin": "BadSignature",
            "alg none": "WrongAlgorithm",
            "padding": "Malformed",
            "another site": "malicious_cors",
            "Two lengths": "malformed_request",
        }
        for idea in ideas:
            with self.subTest(idea.text):
                before = len(self.feed())
                idea.click()
                self.browser.execute_script("arguments[0].dispatchEvent(new Event('change'))", self.element("ideas"))
                self.browser.find_element(By.CSS_SELECTOR, "#break button").click()
                who, _, status, _ = self.shown(before + 1)[-1]
                self.assertEqual(who, "relay")
                self.assertIn(status, (400, 401, 403, 421))
                events = " ".join(self.page.world.recorder.after(0, 0)[-1].notes.events)
                for words, rung in rungs.items():
                    if words in idea.text and "Sign up" not in idea.text:
                        self.assertIn(rung, events)

    def test_an_idea_that_needs_a_login(self) -> None:
        """An idea about a cookie or a token that opens nothing says so, or its refusal would teach the wrong thing."""
        self.press("signup")
        self.element("break-box").find_element(By.TAG_NAME, "summary").click()
        for verb, word in (("session", "cookie"), ("token", "token")):
            idea = next(each for each in self.element("ideas").find_elements(By.TAG_NAME, "option")
                        if each.text.startswith(f"The {word}"))  # fmt: skip
            for button, lacks in ((None, True), (f"{verb}.login", False)):
                if button:
                    self.press(button)
                idea.click()
                self.browser.execute_script("arguments[0].dispatchEvent(new Event('change'))", self.element("ideas"))
                self.assertEqual(f"Log in by {verb} first" in self.element("idea").text, lacks)

    def test_bytes_that_the_reader_refused(self) -> None:
        """What was no request can be edited and sent again, too: line by line as it was sent."""
        self.element("break-box").find_element(By.TAG_NAME, "summary").click()
        headers = self.browser.find_element(By.NAME, "headers")
        headers.clear()
        headers.send_keys("Content-Length: 2\nContent-Length: 3")
        self.browser.find_element(By.CSS_SELECTOR, "#break button").click()
        self.shown(1)
        headers.clear()
        self.browser.find_element(By.CSS_SELECTOR, "#feed summary").click()
        again = "//button[text()='edit and send again']"
        self.until(lambda: self.browser.find_elements(By.XPATH, again))[0].click()
        lines = headers.get_attribute("value").splitlines()
        self.assertEqual([line for line in lines if "Length" in line], ["Content-Length: 2", "Content-Length: 3"])
        self.assertTrue(all(re.match(r"[\w-]+: ", line) for line in lines), lines)

    def test_a_login_by_token_that_was_ended(self) -> None:
        """The page does not call a refresh token good whose login was ended, and a token still speaks for its owner."""
        for button in ("signup", "session.login", "session.logout", "token.login"):
            self.press(button)
        self.assertIn("good for one exchange", self.element("held-token").text)
        self.press("everywhere")  # the cookie is gone, so the token speaks
        self.assertEqual(self.shown(5)[-1][:3], ("you", "/me/sessions", 204))
        self.press("token.login")
        self.press("token.logout")
        self.assertIn("nothing stands behind any more", self.element("held-token").text)

    def test_the_code_that_ran(self) -> None:
        """A step unfolds to the function's source, with the lines that ran marked; the file is one press away."""
        self.press("signup")
        self.press("session.login")
        self.press("session.me")
        self.shown(3)
        box = self.browser.find_element(By.CSS_SELECTOR, "#feed details")
        box.find_element(By.TAG_NAME, "summary").click()
        step = self.until(lambda: [each for each in box.find_elements(By.CSS_SELECTOR, ".tree details")
                                   if "authenticate" in each.text])[0]  # fmt: skip
        step.find_element(By.TAG_NAME, "summary").click()
        ran = self.until(lambda: step.find_elements(By.CSS_SELECTOR, ".ran"))
        text = "\n".join(line.get_attribute("textContent") for line in ran)
        self.assertIn("return user", text)
        self.assertNotIn("no_such_session", text)
        self.assertTrue(step.find_element(By.CSS_SELECTOR, "a").get_attribute("href").endswith("file/sessions.py"))

    def test_no_secret_of_the_server(self) -> None:
        """Neither a password nor a key is anywhere in the page after the whole story, all of it unfolded."""
        for _ in STORY:
            self.element("do").click()
            self.until(self.element("do").is_enabled)
            if self.element("next").is_enabled():
                self.element("next").click()
        self.unfold()
        source = self.browser.execute_script("return document.body.textContent")
        for kid, key in self.page.world.keys.items():
            self.assertFalse(key.hex() in source, kid)
        self.assertFalse("correct horse battery" in source)
        self.assertFalse(self.page.world.admin_password in source)


class HowItLooks(PageCase):
    def test_a_narrow_screen(self) -> None:
        """At 400 pixels nothing runs out at the side, and the two columns are tabs that keep their state."""
        self.width(400)
        for button in ("signup", "session.login"):
            self.press(button)
        self.assertFalse(self.element("token").is_displayed())
        self.element("tab-token").click()
        self.assertTrue(self.element("token").is_displayed())
        self.assertFalse(self.element("session").is_displayed())
        self.press("token.login")
        self.assertEqual(self.element("short-session").text, "you hold a number")
        self.assertEqual(self.element("short-token").text, "you hold a token")
        self.unfold()
        self.shown(3)
        wide = self.browser.execute_script(TOO_WIDE)
        self.assertEqual(wide, [])

    @unittest.skipUnless(Path(AXE).is_file(), "needs axe-core; AUTHREF_AXE names its axe.min.js")
    def test_accessibility(self) -> None:
        """axe finds nothing at 400 and 1,280 pixels, light and dark, with everything unfolded."""
        for button in ("signup", "session.login", "token.login", "steal.cookie", "thief.cookie", "session.logout"):
            self.press(button)
        self.shown(5)
        self.unfold()
        self.browser.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(AXE).read_text("utf-8")})
        for columns in (400, 1280):
            for theme in ("light", "dark"):
                self.width(columns, theme)
                found = self.browser.execute_async_script(
                    "const done = arguments[0]; axe.run().then((result) => done(result.violations));"
                )
                with self.subTest(columns=columns, theme=theme):
                    told = [(each["id"], [node["target"] for node in each["nodes"]][:4]) for each in found]
                    self.assertEqual(told, [])

    def test_without_script(self) -> None:
        """Without script the page says what to do instead."""
        self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setScriptExecutionDisabled", {"value": False})
        self.browser.get(self.address)
        self.assertIn("authref xray", self.browser.find_element(By.TAG_NAME, "body").text)


class AnotherOrigin(PageCase):
    def test_a_page_of_another_origin(self) -> None:
        """What runs on another name of this machine reads nothing of the feed, though it knows the secret."""
        feed = f"{self.address.replace('127.0.0.1', 'localhost')}feed?after=0"
        script = """
        const [url, done] = arguments;
        fetch(url).then((answer) => answer.text()).then(done, (error) => done(`failed: ${error.name}`));
        """
        self.assertIn("exchanges", self.browser.execute_async_script(script, f"{self.address}feed?after=0"))
        self.assertEqual(self.browser.execute_async_script(script, feed), "failed: TypeError")


class AStart(unittest.TestCase):
    def test_how_soon_it_can_be_pressed(self) -> None:
        """The page answers a second after the start (ten on a busy machine), with its address in the banner."""
        started = time.monotonic()
        command = [sys.executable, "-m", "authref", "--xray", "--port", "0", "--log", "off"]
        where = Path(__file__).parents[1]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True, cwd=where) as server:
            assert server.stdout
            try:
                address = next(line.split()[-1] for line in server.stdout if "/xray/" in line)
                Shared.browser.get(address)
                WebDriverWait(Shared.browser, PATIENCE, 0.01).until(
                    lambda browser: browser.find_element(By.TAG_NAME, "body").get_attribute("data-ready")
                )
                self.assertLess(time.monotonic() - started, 10)
            finally:
                server.terminate()


if __name__ == "__main__":
    unittest.main()
