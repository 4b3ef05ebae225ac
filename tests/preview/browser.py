"""A real Chromium, driven by Debian's chromedriver; nothing is downloaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1440,900",
)

_PATIENCE = 60

# axe-core's rules for WCAG 2.1 A and AA, and its best practices.
_AXE = """
const done = arguments[arguments.length - 1];
const options = {resultTypes: ["violations"]};
axe.run(document, options).then(({violations}) => done(violations.map(
  ({id, help, nodes}) => `${id}: ${help}: ${nodes.map((node) => node.target).slice(0, 3)}`
)), (error) => done([String(error)]));
"""


class Page:
    """A page open in the browser, as a person would use it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, state: str = "") -> None:
        """Open a file, with what follows its path, and wait until it says that it is ready."""
        self.requests()
        self.complaints()
        self.driver.get("about:blank")
        self.driver.get(f"{path.as_uri()}{state}")
        self.wait("document.body.dataset.ready === 'yes'")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        WebDriverWait(self.driver, _PATIENCE).until(
            lambda driver: driver.execute_script(f"return {condition}"), condition
        )

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self.driver.execute_script(f"return {expression}")

    def one(self, selector: str) -> WebElement:
        """Return the first element that matches."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Return all elements that match."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements that match, in one call."""
        texts: list[str] = self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
            selector,
        )
        return texts

    def click(self, selector: str) -> None:
        """Click the first element that matches; what is drawn anew meanwhile is found anew."""
        try:
            self.one(selector).click()
        except StaleElementReferenceException:
            self.one(selector).click()

    def type(self, selector: str, text: str) -> None:
        """Type into a field in place of what is there."""
        field = self.one(selector)
        field.clear()
        field.send_keys(text)

    def press(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def click_node(self, stix_id: str) -> None:
        """Click where the graph draws an object."""
        self.one(f'#graph [data-id="{stix_id}"] path').click()
        self.wait(f"new URLSearchParams(location.hash.slice(1)).get('object') === '{stix_id}'")

    def hash(self) -> dict[str, list[str]]:
        """Return what the address bar holds behind the page's path."""
        return parse_qs(self.driver.current_url.partition("#")[2])

    def look(self, width: int = 1440, height: int = 900, scheme: str = "light") -> None:
        """Look at the page in a window of this size, and in this colour scheme."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    def violations(self) -> list[str]:
        """Return what axe-core says against the page as it is now."""
        if not self.evaluate("typeof axe === 'object'"):
            self.driver.execute_script(_axe_core())
        found: list[str] = self.driver.execute_async_script(_AXE)
        return found

    def save_to(self, folder: Path) -> None:
        """Let the browser save downloads into a folder."""
        self.driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
        )

    def facts(self, panel: str) -> dict[str, str]:
        """Return names and values in a panel of details."""
        names = self.texts(f"{panel} dt")
        return dict(zip(names, self.texts(f"{panel} dd"), strict=True))

    def requests(self) -> list[str]:
        """Return the addresses that pages asked for since the last call.

        The browser's own first page, which is still loading when a test begins, does not count.
        """
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
            and not message["params"]["documentURL"].startswith(("chrome:", "about:"))
        ]

    def complaints(self) -> list[str]:
        """Return what the browser's console says since the last call."""
        return [entry["message"] for entry in self._log("browser")]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries


def _axe_core() -> str:
    return (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """Start a browser with a profile of its own; it ends with the block."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser, "install Debian's chromium"
    assert driver, "install Debian's chromium-driver"
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield Page(chrome)
    finally:
        chrome.quit()
