"""What the tests of the report share: a tagger, its rows with pictures, a browser."""

from types import SimpleNamespace

import numpy as np
import pytest
from chromium import Chromium
from PIL import Image

pytest.importorskip("jinja2", reason="needs jinja2: pip install sklearn-clip[report]")


def make_rows(n_samples=120, n_labels=4, *, seed=0, unknown=0.0):
    """Scores that mean something, targets, and a picture in memory for each row."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(n_samples, n_labels)) - 1
    Y = (signal + rng.normal(size=signal.shape) > 0).astype(float)
    Y[rng.random(Y.shape) < unknown] = np.nan
    colours = rng.integers(0, 256, (n_samples, 3))
    pictures = [Image.new("RGB", (40, 30), tuple(map(int, row))) for row in colours]
    return SimpleNamespace(Y=Y, P=1 / (1 + np.exp(-signal)), pictures=pictures)


@pytest.fixture
def rows():
    return make_rows


@pytest.fixture(scope="module")
def shared_browser(tmp_path_factory):
    """Start a browser for the tests of a file: it takes a tenth of a core all along."""
    browser = Chromium(tmp_path_factory.mktemp("report") / "profile")
    # What goes wrong in a page: errors, and what its policy refuses.
    browser.ask(
        "Page.addScriptToEvaluateOnNewDocument",
        source="""
        window.wrong = [];
        window.addEventListener("error", (event) => wrong.push(String(event.message)));
        window.addEventListener("unhandledrejection",
          (event) => wrong.push(String(event.reason)));
        document.addEventListener("securitypolicyviolation",
          (event) => wrong.push(event.violatedDirective + " " + event.blockedURI));
        const say = console.error;
        console.error = (...words) => { wrong.push(words.join(" ")); say(...words); };
        """,
    )
    yield browser
    browser.close()


@pytest.fixture
def open_report(shared_browser, tmp_path):
    """Open the page of a report; at the end nothing may have gone wrong in it."""
    browser = shared_browser

    def open_it(report, *, width=1300, height=1000, dark=False):
        path = tmp_path / "report.html"
        report.write_html(path)
        browser.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.ask("Emulation.setEmulatedMedia", features=[scheme])
        browser.ask("Page.navigate", url=path.as_uri())
        browser.wait_for(f"location.href === {path.as_uri()!r}")
        browser.wait_for("document.readyState === 'complete'")
        return browser

    yield open_it
    assert browser.evaluate("window.wrong ?? []") == []
    # It needs no network: all it has is in the file.
    assert browser.evaluate("performance.getEntriesByType('resource').length") == 0
