"""A headless Chromium driven through a pipe: pages as a reader sees them, with no network and no package to install."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

MISSING = f"no browser: one of {', '.join(NAMES)} takes the screenshots (Debian: apt-get install chromium)"
"""Why a test that looks at pages is skipped."""

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--mute-audio", "--no-first-run",
    "--no-default-browser-check", "--disable-extensions", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-dev-shm-usage", "--remote-debugging-pipe",
    # names are resolved nowhere: what a page would load from a host cannot come
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def find_browser() -> str | None:
    """The path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a headless browser; messages of the DevTools protocol go through the pipe, a zero byte after each."""

    def __init__(self, seconds: float = 60.0) -> None:
        path = find_browser()
        if path is None:
            raise FileNotFoundError(MISSING)
        self.seconds, self.count, self.events, self.rest = seconds, 0, deque(), b""
        self.folder = tempfile.mkdtemp(prefix="relucvx-browser-")
        out_read, self.to = os.pipe()
        self.source, in_write = os.pipe()
        os.set_blocking(self.source, False)

        def wired() -> None:  # the browser reads from 3 and writes to 4
            # the ends may be 3 or 4 themselves
            one, two = os.dup(out_read), os.dup(in_write)
            one = os.dup(one) if one in (3, 4) else one
            two = os.dup(two) if two in (3, 4) else two
            os.dup2(one, 3)
            os.dup2(two, 4)

        self.process = subprocess.Popen(
            [path, *FLAGS, f"--user-data-dir={self.folder}", "about:blank"], preexec_fn=wired, close_fds=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        os.close(out_read)
        os.close(in_write)
        self.session = ""
        pages = [t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        target = pages[0]["targetId"] if pages else self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and all its processes, and remove what it wrote."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        os.close(self.to)
        os.close(self.source)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method: str, **params: object) -> dict:
        """The answer to one request; events that come before it are kept."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data) :]
        limit = time.monotonic() + self.seconds
        while True:
            found = self._next(limit)
            if found.get("id") == self.count:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']['message']}")
                return found["result"]
            self.events.append(found)

    def _next(self, limit: float) -> dict:
        while b"\0" not in self.rest:
            try:
                chunk = os.read(self.source, 1 << 20)
            except BlockingIOError:
                if time.monotonic() > limit:
                    raise TimeoutError("the browser does not answer") from None
                time.sleep(0.005)
                continue
            if not chunk:
                raise RuntimeError("the browser ended")
            self.rest += chunk
        one, _, self.rest = self.rest.partition(b"\0")
        return json.loads(one)

    def show(self, page: Path, width: int = 1280, scheme: str = "light", media: str = "screen") -> list[str]:
        """Open a file at this width and colour scheme; returns the addresses that it asked for, but for itself."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        self.events.clear()
        address = page.resolve().as_uri()
        self.ask("Page.navigate", url=address)
        limit = time.monotonic() + self.seconds
        seen = list(self.events)
        while not any(event.get("method") == "Page.loadEventFired" for event in seen):
            seen.append(self._next(limit))
        self.run("document.fonts.ready.then(() => 1)")
        seen += self.events
        self.events.clear()
        asked = [e["params"]["request"]["url"] for e in seen if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in asked if url.partition("#")[0] != address]

    def run(self, script: str) -> object:
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def picture(self, path: Path) -> Path:
        """The whole page as a PNG file."""
        found = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))
        return path

    def paper(self, path: Path) -> Path:
        """The page printed to a PDF file."""
        found = self.ask("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(found["data"]))
        return path

    def wait_for(self, path: Path) -> bytes:
        """What is in a file that the browser saves, once it is there."""
        limit = time.monotonic() + self.seconds
        while not path.is_file():
            if time.monotonic() > limit:
                raise TimeoutError(f"{path.name} was not saved")
            time.sleep(0.02)
        return path.read_bytes()
