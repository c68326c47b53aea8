"""A headless Chromium that a test steers by its debugging pipe."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time

import pytest

# Chromium reads from descriptor 3 and writes to 4. It is started by a Python that puts
# them there, from high numbers: one that is in its place already would be closed.
_LAUNCH = """
import fcntl, os, sys
orders, answers = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3])
os.dup2(orders, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)
# For `pytestmark`: the tests are skipped where it cannot be steered.
NEEDS_CHROMIUM = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(os.name != "posix", reason="Chromium's pipe is that of Unix"),
]
_PATIENCE = 120  # seconds, on a machine that does much else


class Chromium:
    """One page of a headless Chromium.

    Parameters
    ----------
    profile : Path
        An empty folder, for what it keeps.
    """

    def __init__(self, profile):
        read, self._orders = os.pipe()
        self._answers, write = os.pipe()
        flags = ["--headless=new", "--remote-debugging-pipe", "--no-first-run"]
        flags += ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        flags += ["--window-size=900,800", f"--user-data-dir={profile}", "about:blank"]
        command = [sys.executable, "-c", _LAUNCH, str(read), str(write)]
        self._process = subprocess.Popen(
            [*command, CHROMIUM, *flags],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._number, self._buffer, self._session = 0, b"", None
        pages = self.ask("Target.getTargets")["targetInfos"]
        (page,) = [page["targetId"] for page in pages if page["type"] == "page"]
        attached = self.ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        self.ask("Page.enable")

    def ask(self, method, **parameters):
        """Give an order and wait for its answer."""
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _read(self):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], _PATIENCE)
            if not ready:
                raise TimeoutError("Chromium does not answer")
            piece = os.read(self._answers, 1 << 16)
            if not piece:
                raise RuntimeError("Chromium has ended")
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return message

    def evaluate(self, expression):
        """Evaluate an expression in the page, and wait for what it promises."""
        found = self.ask(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def wait_for(self, expression):
        """Wait until an expression is true in the page."""
        end = time.monotonic() + _PATIENCE
        while not (value := self.evaluate(expression)):
            if time.monotonic() > end:
                raise TimeoutError(expression)
            time.sleep(0.05)
        return value

    def choose_file(self, selector, path):
        """Choose a file in an input."""
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def drop_file(self, selector, path):
        """Drag a file over an element, and drop it there."""
        x, y = self.evaluate(
            f"(r => [r.x + r.width / 2, r.y + r.height / 2])"
            f"(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def save_screenshot(self, path):
        """Save what the page looks like."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def close(self):
        """End it."""
        self._process.terminate()
        self._process.wait()
        os.close(self._orders)
        os.close(self._answers)
