"""A real browser without window, driven by its own protocol over a pipe; no further package."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip


def find() -> str | None:
    """Path of a browser, from NMCX_BROWSER or the usual names; None if there is none."""
    names = (os.environ.get("NMCX_BROWSER", ""), *_NAMES)
    return next((path for name in names if name and (path := shutil.which(name))), None)


class Browser:
    """One page of a browser: what it asked for, what it complained about, what it shows."""

    def __init__(self, width: int = 1200, height: int = 800) -> None:
        program = find()
        assert program is not None, "no browser here; see find()"
        self._home = tempfile.TemporaryDirectory(prefix="nmcx-browser-", ignore_cleanup_errors=True)
        there, self._to = os.pipe()
        self._from, back = os.pipe()

        def as_three_and_four() -> None:
            # Copies first: the pipes may themselves be called 3 and 4.
            first, second = os.dup(there), os.dup(back)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self._process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={self._home.name}",
             f"--window-size={width},{height}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=as_three_and_four, close_fds=False,
        )  # fmt: skip
        os.close(there)
        os.close(back)
        self._rest, self._number = b"", 0
        self.requests: list[str] = []  #: addresses asked for since `open`
        self.complaints: list[str] = []  #: errors and warnings of the console
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = ""
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        os.close(self._to)
        os.close(self._from)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._home.cleanup()

    def open(self, path: Path, ready: str) -> float:
        """Open a file, wait until an expression is true, and say how long that took [s]."""
        self.requests.clear()
        self.complaints.clear()
        started = time.perf_counter()
        self._call("Page.navigate", url=path.resolve().as_uri())
        # In between there may be no page at all.
        tried = f"(() => {{ try {{ return {ready} }} catch {{ return false }} }})()"
        while not self.value(tried):
            assert time.perf_counter() - started < 60, f"never {ready}; {self.complaints}"
            time.sleep(0.02)
        return time.perf_counter() - started

    def value(self, expression: str) -> Any:
        """What an expression gives in the page."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in found, f"{expression}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def painted(self) -> None:
        """Wait until what was asked for is on the screen."""
        frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.value(frame + ".then(() => true)")

    def mouse(self, *kinds_at: tuple[str, float, float], **more: Any) -> None:
        """Events of the mouse: ("mousePressed", x, y), …"""
        for kind, x, y in kinds_at:
            buttons = {} if kind == "mouseWheel" else {"button": "left", "clickCount": 1}
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **buttons, **more)

    def touch(self, kind: str, points: list[tuple[float, float]]) -> None:
        """Fingers on the screen: "touchStart", "touchMove" or "touchEnd"."""
        places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self._call("Input.dispatchTouchEvent", type=kind, touchPoints=places)

    def press(self, key: str) -> None:
        """A key, down and up."""
        text = {"text": key} if len(key) == 1 else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self, path: Path | None = None) -> bytes:
        """The page as PNG."""
        self.painted()
        png = base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            path.write_bytes(png)
        return png

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self._call("Page.printToPDF", printBackground=False)["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {
            "id": self._number, "method": method, "params": parameters,
        }  # fmt: skip
        if getattr(self, "_session", ""):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self._noted(answer)
        raise AssertionError("the browser went away")

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" in self._rest:
                one, _, self._rest = self._rest.partition(b"\0")
                yield json.loads(one)
            more = os.read(self._from, 1 << 20)
            if not more:
                return
            self._rest += more

    def _noted(self, event: dict[str, Any]) -> None:
        method, given = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
            self.complaints.append(" ".join(str(a.get("value")) for a in given["args"]))
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.complaints.append(given["entry"]["text"])
