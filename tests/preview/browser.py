"""The page opened in a real browser, used as a person uses it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.preview.bidi import PATIENCE, BrowserError, Session, chromium, firefox

ENTER, ESCAPE, END, HOME = "\ue007", "\ue00c", "\ue010", "\ue011"
ARROW_RIGHT, ARROW_DOWN = "\ue014", "\ue015"

# The browsers that can be opened. Only Chromium has an emulated colour scheme.
_BROWSERS: dict[str, Callable[[Path], Any]] = {"chromium": chromium, "firefox": firefox}

# axe-core's rules for WCAG 2.1 A and AA, and its best practices.
_AXE = """
return axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations.map(
  ({id, help, nodes}) => `${id}: ${help}: ${nodes.map((node) => node.target).slice(0, 3)}`
));
"""

# What a Content-Security-Policy refused is told by the browsers' consoles in different ways.
_TELL_REFUSALS = """() => addEventListener("securitypolicyviolation", (event) =>
  console.error(`refused by ${event.violatedDirective}: ${event.blockedURI}`))"""

# Brings an element into sight, and says what lies over it.
_REACH = """
const found = document.querySelectorAll(arguments[0])[arguments[1]];
if (!found) throw new Error(`there is no ${arguments[0]}`);
found.scrollIntoView({block: "nearest", inline: "nearest"});
const box = found.getClientRects()[0];
if (!box) throw new Error(`${arguments[0]} is not shown`);
const over = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
if (!found.contains(over)) throw new Error(`${arguments[0]} is covered by ${over?.outerHTML}`);
return found;
"""


class Page:
    """A page open in a browser, used as a person would."""

    def __init__(self, session: Session, name: str) -> None:
        self.browser = name
        self._session = session
        # Not the browser's own first page: it loads this and that, and in Firefox keeps the focus.
        self._context = session.command("browsingContext.create", type="tab")["context"]
        session.command(
            "session.subscribe",
            events=["log.entryAdded", "network.beforeRequestSent"],
            contexts=[self._context],
        )
        session.command("script.addPreloadScript", functionDeclaration=_TELL_REFUSALS)

    def open(self, path: Path, state: str = "") -> None:
        """Open a file, with what follows its path, and wait until the page is ready."""
        self.visit("about:blank")
        self.requests()
        self.complaints()
        self.visit(f"{path.as_uri()}{state}")
        self.wait("document.body.dataset.ready === 'yes'")

    def visit(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        self._session.command(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    def reload(self) -> None:
        """Reload the page."""
        self._session.command("browsingContext.reload", context=self._context, wait="complete")

    def back(self) -> None:
        """Go back one step, as the browser's button does."""
        self._session.command("browsingContext.traverseHistory", context=self._context, delta=-1)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function; return what it or its promise returns."""
        whole = f"async (json) => JSON.stringify(await {_function(script)}(...JSON.parse(json)))"
        text = self._call(whole, {"type": "string", "value": json.dumps(arguments)}).get("value")
        return None if text is None else json.loads(text)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self.run(f"return {expression}")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        until = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            if time.monotonic() > until:
                raise TimeoutError(condition)
            time.sleep(0.02)

    def count(self, selector: str) -> int:
        """Return how many elements match."""
        number: int = self.run("return document.querySelectorAll(arguments[0]).length", selector)
        return number

    def text(self, selector: str) -> str:
        """Return the text of the first element that matches, as it is shown."""
        text: str = self.run("return document.querySelector(arguments[0]).innerText", selector)
        return text.strip()

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements that match."""
        texts: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
            selector,
        )
        return texts

    def click(self, selector: str, at: int = 0) -> None:
        """Click in the middle of an element that matches; it must not be covered."""
        try:
            self._point(selector, at, [(0, 0)])
        except BrowserError as error:
            # It was drawn anew meanwhile.
            if "stale" not in str(error) and "no such" not in str(error):
                raise
            self._point(selector, at, [(0, 0)])

    def drag(self, selector: str, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Drag between two places, in pixels from the middle of an element."""
        self._point(selector, 0, [start, end])

    def type(self, selector: str, text: str) -> None:
        """Type into a field in place of what is there."""
        self.run("const f = document.querySelector(arguments[0]); f.focus(); f.select()", selector)
        self.press(text)

    def press(self, *keys: str) -> None:
        """Press keys at the element with the focus."""
        actions = [
            {"type": kind, "value": key} for key in "".join(keys) for kind in ("keyDown", "keyUp")
        ]
        self._act({"type": "key", "id": "keyboard", "actions": actions})

    def click_node(self, stix_id: str) -> None:
        """Click where the graph draws an object."""
        self.click(f'#graph [data-id="{stix_id}"] path')
        self.wait(f"new URLSearchParams(location.hash.slice(1)).get('object') === '{stix_id}'")

    def hash(self) -> dict[str, list[str]]:
        """Return the fragment of the address."""
        return parse_qs(self.evaluate("location.hash").removeprefix("#"))

    def look(self, width: int = 1440, height: int = 900, scheme: str = "light") -> None:
        """Set the window's size and the colour scheme."""
        self._session.command(
            "browsingContext.setViewport",
            context=self._context,
            viewport={"width": width, "height": height},
            devicePixelRatio=1,
        )
        if self.browser != "chromium":
            assert scheme == "light"
            return
        cdp = self._session.command("goog:cdp.getSession", context=self._context)["session"]
        self._session.command(
            "goog:cdp.sendCommand",
            session=cdp,
            method="Emulation.setEmulatedMedia",
            params={"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    def picture(self, quality: float) -> bytes:
        """Return a picture of the window as WebP."""
        taken = self._session.command(
            "browsingContext.captureScreenshot",
            context=self._context,
            format={"type": "image/webp", "quality": quality},
        )
        return base64.b64decode(taken["data"])

    def violations(self) -> list[str]:
        """Return axe-core's violations on the page as it is now."""
        if not self.evaluate("typeof axe === 'object'"):
            self.run(_axe_core())
        found: list[str] = self.run(_AXE)
        return found

    def save_to(self, folder: Path) -> None:
        """Make the browser save downloads into a folder."""
        allowed = {"type": "allowed", "destinationFolder": str(folder)}
        self._session.command("browser.setDownloadBehavior", downloadBehavior=allowed)

    def facts(self, panel: str) -> dict[str, str]:
        """Return names and values in a panel of details."""
        names = self.texts(f"{panel} dt")
        return dict(zip(names, self.texts(f"{panel} dd"), strict=True))

    def requests(self) -> list[str]:
        """Return the addresses that pages requested since the last call.

        Firefox does not report files. Requests for data URLs are left out: Firefox has the font of
        its list marks there.
        """
        events = self._session.events("network.beforeRequestSent")
        urls = [event["request"]["url"] for event in events]
        return [url for url in urls if not url.startswith("data:")]

    def complaints(self) -> list[str]:
        """Return the messages of the browser's console since the last call."""
        return [event["text"] for event in self._session.events("log.entryAdded")]

    def _call(self, function: str, *arguments: dict[str, Any]) -> dict[str, Any]:
        called = self._session.command(
            "script.callFunction",
            functionDeclaration=function,
            awaitPromise=True,
            target={"context": self._context},
            arguments=arguments,
        )
        if called["type"] != "success":
            raise AssertionError(called["exceptionDetails"]["text"])
        value: dict[str, Any] = called["result"]
        return value

    def _point(self, selector: str, at: int, places: list[tuple[int, int]]) -> None:
        """Press the pointer at the first place of an element that is free,
        release it at the last.
        """
        node = self._call(
            _function(_REACH),
            {"type": "string", "value": selector},
            {"type": "number", "value": at},
        )
        origin = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        moves = [{"type": "pointerMove", "x": x, "y": y, "origin": origin} for x, y in places]
        down, up = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
        self._act({"type": "pointer", "id": "mouse", "actions": [moves[0], down, *moves[1:], up]})

    def _act(self, source: dict[str, Any]) -> None:
        self._session.command("input.performActions", context=self._context, actions=[source])


def _function(body: str) -> str:
    return f"(function () {{ {body} }})"


def _axe_core() -> str:
    return (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")


@contextmanager
def open_browser(name: str, profile: Path) -> Iterator[Page]:
    """Start a browser with a profile of its own, an empty folder; it ends with the block."""
    with _BROWSERS[name](profile) as session:
        yield Page(session, name)
