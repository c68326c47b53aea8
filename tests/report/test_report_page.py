"""The page of a report in a real Chromium: what a reader does there, and sees."""

import ast
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chromium import NEEDS_CHROMIUM
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from sklearn_clip import (
    MultiLabelLogisticRegression,
    PrecomputedScores,
    RejectOptionClassifier,
    ThresholdOptimizer,
)
from sklearn_clip.report import TaggerReport

pytestmark = NEEDS_CHROMIUM
NAMES = ["cat", "dog", "bird", "fish"]
COUNTS = ("n-rest", "n-false", "n-missed", "n-found", "precision", "recall", "f1")


def read_counts(browser):
    """Figures of the chosen label, without what they were before."""
    texts = [
        browser.evaluate(f"document.getElementById('{name}').firstChild.textContent")
        for name in COUNTS
    ]
    return [float(text.replace(",", "")) for text in texts]


def expected_counts(truth, given):
    """What scikit-learn makes of the rows of which the label is known."""
    known = ~np.isnan(truth)
    truth, given = truth[known].astype(int), given[known].astype(int)
    counts = confusion_matrix(truth, given, labels=[0, 1]).ravel()
    figures = precision_recall_fscore_support(
        truth, given, average="binary", zero_division=0
    )
    # Ties are rounded up in JavaScript, to even in Python.
    return pytest.approx([*counts, *figures[:3]], abs=0.00051)


def choose(browser, label):
    browser.evaluate(
        f"document.querySelector('tr[data-label=\"{label}\"] button').click()"
    )


def slide(browser, value):
    """Move the slider as a hand does, which tells the page of it."""
    browser.evaluate(
        f"(slider => {{ slider.value = {value};"
        "slider.dispatchEvent(new Event('input')); })"
        "(document.getElementById('slider'))"
    )


def type_cut(browser, value):
    browser.evaluate(
        f"(box => {{ box.value = '{value}'; box.dispatchEvent(new Event('change')); }})"
        "(document.getElementById('typed'))"
    )


def cut_in_page(browser):
    text = browser.evaluate("document.getElementById('cut').textContent")
    return np.inf if text == "never" else float(text)


def shown_rows(browser, kind, order="down"):
    """Rows of a kind in the order of their cards, all of them."""
    browser.evaluate(f"document.querySelector('[data-kind={kind}]').click()")
    browser.evaluate(
        f"(order => {{ order.value = '{order}';"
        "order.dispatchEvent(new Event('change')); })"
        "(document.getElementById('order'))"
    )
    while not browser.evaluate("document.getElementById('more').hidden"):
        browser.evaluate("document.getElementById('more').click()")
    return browser.evaluate(
        "[...document.querySelectorAll('#grid li.card')].map(c => +c.dataset.row)"
    )


@pytest.mark.parametrize("unknown", [0.0, 0.2])
def test_slider_moves_the_counts_to_those_of_scikit_learn(open_report, rows, unknown):
    data = rows(unknown=unknown)
    report = TaggerReport(data.P, None, data.Y, thresholds=[0.5, 0.2, 0.6, np.inf])
    browser = open_report(report)
    for label, threshold in enumerate(report.thresholds):
        truth, scores = data.Y[:, label], data.P[:, label]
        choose(browser, label)
        assert cut_in_page(browser) == threshold
        assert read_counts(browser) == expected_counts(truth, scores >= threshold)
        seen = set()
        for value in (0, 137, 400, 650, 999, 1000):
            slide(browser, value)
            cut = cut_in_page(browser)
            seen.add(cut)
            # What is written has four digits, the cut may have more.
            exact = browser.evaluate("document.getElementById('dict').value")
            changed = ast.literal_eval(exact.replace('float("inf")', "1e999"))
            cut = changed.get(label, threshold)
            assert read_counts(browser) == expected_counts(truth, scores >= cut)
        assert len(seen) == 6 and np.inf in seen
        type_cut(browser, 0.25)
        assert read_counts(browser) == expected_counts(truth, scores >= 0.25)
        browser.evaluate("document.getElementById('back').click()")
        assert read_counts(browser) == expected_counts(truth, scores >= threshold)
    assert browser.evaluate("document.getElementById('dict').value") == "{}"


@pytest.mark.parametrize("n_samples", [120, 3000])  # more than a label has cuts
def test_cards_have_the_scores_of_their_rows(open_report, rows, n_samples):
    data = rows(n_samples)
    browser = open_report(TaggerReport(data.P, None, data.Y))
    choose(browser, 1)
    for kind in ("found", "missed", "false"):
        shown = shown_rows(browser, kind)
        texts = browser.evaluate(
            "[...document.querySelectorAll('#grid .score')].map(s => s.textContent)"
        )
        scores = data.P[shown, 1]
        assert len(shown) > 5 and (np.diff(scores) <= 1e-4).all()
        np.testing.assert_allclose(list(map(float, texts)), scores, rtol=6e-4)


def test_arrow_keys_go_to_the_next_score(open_report, rows):
    data = rows()
    browser = open_report(TaggerReport(data.P, None, data.Y))
    choose(browser, 0)
    browser.evaluate("document.getElementById('slider').focus()")
    taken = int((data.P[:, 0] >= 0.5).sum())
    for step in range(1, 4):
        for kind in ("keyDown", "keyUp"):
            browser.ask("Input.dispatchKeyEvent", type=kind, key="ArrowRight")
        label = "document.getElementById('slider').getAttribute('aria-valuetext')"
        words = browser.evaluate(label).split()
        assert int(words[1]) + int(words[5]) == taken - step


def test_filters_show_the_right_rows_by_score(open_report, rows):
    data = rows(unknown=0.2)
    report = TaggerReport(
        data.P, None, data.Y, images=data.pictures, label_names=NAMES, thresholds=0.4
    )
    browser = open_report(report)
    choose(browser, 1)
    truth, scores = data.Y[:, 1], data.P[:, 1]
    for cut in (0.4, 0.15):
        if cut != 0.4:
            type_cut(browser, cut)
        odds = np.log(scores / (1 - scores)) - np.log(cut / (1 - cut))
        given = scores >= cut
        for kind, wanted in {
            "found": (truth == 1) & given,
            "missed": (truth == 1) & ~given,
            "false": (truth == 0) & given,
        }.items():
            expected = np.flatnonzero(wanted)
            falling = expected[np.argsort(-scores[expected])].tolist()
            assert falling
            assert shown_rows(browser, kind) == falling
            assert shown_rows(browser, kind, "up") == falling[::-1]
            assert len(shown_rows(browser, kind, "near")) == len(falling)
        unsure = shown_rows(browser, "unsure")
        # A cut that was typed becomes one of few digits that takes the same rows.
        assert set(np.flatnonzero(np.abs(odds) < 0.6)) <= set(unsure)
        assert set(unsure) <= set(np.flatnonzero(np.abs(odds) < 0.8))
    browser.wait_for(
        "[...document.querySelectorAll('#grid img')].every(i => i.naturalWidth === 40)"
    )


def test_few_rows_go_by_their_scores_though_cuts_lie_far_below(open_report):
    scores = np.array([[0.1], [0.3], [0.87]])
    browser = open_report(TaggerReport(scores, None, np.array([[0], [0], [1]])))
    choose(browser, 0)
    assert shown_rows(browser, "unsure") == []
    assert shown_rows(browser, "found") == [2]
    shown = "document.querySelector('#grid .score').textContent"
    assert browser.evaluate(shown) == "0.87"
    for cut, n_found in ((0.8, 1), (0.88, 0), (0.87, 1)):
        type_cut(browser, cut)
        assert read_counts(browser)[3] == n_found


def test_changed_cuts_are_what_set_thresholds_takes(open_report, rows):
    data = rows(200)
    Y = pd.DataFrame(data.Y, columns=["it's", 'a "b" \\ c', "猫 🐱", "</script>"])
    tagger = ThresholdOptimizer(PrecomputedScores(), random_state=0).fit(data.P, Y)
    report = TaggerReport(tagger, data.P, Y)
    browser = open_report(report)
    for label, value in enumerate((200, 700, 1000, 450)):
        choose(browser, label)
        slide(browser, value)
    text = browser.evaluate("document.getElementById('dict').value")
    cuts = eval(text)  # as a reader pastes it
    assert list(cuts) == list(Y.columns)
    tagger.set_thresholds(cuts)
    predicted = tagger.predict(data.P)
    for label in range(4):
        choose(browser, label)
        wanted = expected_counts(data.Y[:, label], np.asarray(predicted)[:, label])
        assert read_counts(browser) == wanted
    changed = browser.evaluate("document.getElementById('changed-macro').textContent")
    after = TaggerReport(tagger, data.P, Y, confidence_level=None)
    assert changed.split()[0] == f"{after.figures[2].value:.3f}"
    changed = browser.evaluate("document.getElementById('changed-micro').textContent")
    assert changed.split()[0] == f"{after.figures[3].value:.3f}"
    browser.evaluate("document.getElementById('forget').click()")
    assert browser.evaluate("document.getElementById('dict').value") == "{}"


def test_table_is_sorted_and_filtered(open_report, rows):
    data = rows(n_labels=6)
    data.Y[:, 5] = 0  # its AP is not defined: last either way
    names = ["b10", "b9", "a", "C", "<b>", "none"]
    report = TaggerReport(data.P, None, data.Y, label_names=names)
    browser = open_report(report)
    order = (
        "[...document.querySelectorAll('#table tbody tr')]"
        ".filter(r => !r.hidden).map(r => +r.dataset.label)"
    )

    def press(name):
        browser.evaluate(f"document.querySelector('[data-sort={name}] button').click()")
        return browser.evaluate(order)

    support = data.Y.sum(axis=0)
    assert browser.evaluate(order) == np.argsort(-support, kind="stable").tolist()
    ranked = np.argsort(-report.label_figures.average_precision[:5]).tolist()
    assert press("ap") == [*ranked, 5]
    assert press("ap") == [*ranked[::-1], 5]
    sort = "document.querySelector('[data-sort=ap]').getAttribute('aria-sort')"
    assert browser.evaluate(sort) == "ascending"
    assert press("name") == [4, 2, 1, 0, 3, 5]
    browser.evaluate(
        "(f => { f.value = 'B'; f.dispatchEvent(new Event('input')); })"
        "(document.getElementById('filter'))"
    )
    assert browser.evaluate(order) == [4, 1, 0]
    said = browser.evaluate("document.getElementById('shown-labels').textContent")
    assert said == "3 of 6"


def test_person_is_asked_where_the_tagger_asks(open_report):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 4))
    Y = (X[:, :2] + 0.7 * rng.normal(size=(1500, 2)) > 0.5).astype(int)
    tagger = RejectOptionClassifier(
        MultiLabelLogisticRegression(), min_precision=0.7, random_state=0
    ).fit(X[:1000], Y[:1000])
    report = TaggerReport(tagger, X[1000:], Y[1000:])
    answers = tagger.predict(X[1000:])
    asked = np.isnan(answers)
    assert asked.any()
    browser = open_report(report)
    choose(browser, 0)
    assert sorted(shown_rows(browser, "unsure")) == np.flatnonzero(asked[:, 0]).tolist()
    found = np.flatnonzero((answers[:, 0] == 1) & (Y[1000:, 0] == 1))
    assert sorted(shown_rows(browser, "found")) == found.tolist()
    text = browser.evaluate("document.body.textContent")
    assert f"A person is asked about {100 * asked.mean():.1f} % of the cells" in text


def test_names_of_labels_and_texts_are_no_markup(open_report, rows):
    data = rows()
    evil = "<img src=x onerror=\"console.error('run')\">"
    names = [
        f"</script><script>console.error(1)</script>{evil}",
        "&amp;",
        "\u2028",
        "'",
    ]
    X = pd.DataFrame({"image": data.pictures, "text": [evil] * len(data.P)})
    report = TaggerReport(
        data.P, X, data.Y, label_names=names, title=evil, description=evil
    )
    browser = open_report(report)
    choose(browser, 0)
    shown = browser.evaluate("document.getElementById('label-name').textContent")
    assert shown == names[0]
    assert browser.evaluate("document.querySelector('h1').textContent") == evil
    assert browser.evaluate("document.querySelectorAll('img[src=x]').length") == 0
    assert evil in browser.evaluate("document.querySelector('#grid').textContent")


def test_name_that_turns_the_writing_leaves_others_as_they_are(open_report, rows):
    data = rows()
    data.P[::2], data.Y[::2] = 0.9, 1
    names = ["\u202eabc", "def", "\u05d0\u05d1", "ghi"]
    X = pd.DataFrame({"image": data.pictures})
    browser = open_report(TaggerReport(data.P, X, data.Y, label_names=names))
    left = """(() => {
        const lines = [...document.querySelectorAll('#grid .marks li')];
        const text = lines.map((line) => line.firstChild).find((node) =>
            node.textContent.includes('abc') && node.textContent.includes('def'));
        const start = text.textContent.indexOf('def');
        return [0, 1, 2].map((at) => {
            const range = document.createRange();
            range.setStart(text, start + at);
            range.setEnd(text, start + at + 1);
            return range.getBoundingClientRect().left;
        });
    })()"""
    shown_rows(browser, "found")
    places = browser.evaluate(left)
    assert places == sorted(places) and len(set(places)) == 3


@pytest.mark.parametrize(("width", "dark"), [(1300, False), (390, True), (320, False)])
def test_page_of_many_labels_fits_its_window(open_report, rows, width, dark):
    data = rows(60, 400)
    names = [f"label {number} of a long and detailed name" for number in range(399)]
    names.append("x" * 300)
    report = TaggerReport(data.P, None, data.Y, images=data.pictures, label_names=names)
    browser = open_report(report, width=width, dark=dark)
    choose(browser, 399)
    overflow = "document.documentElement.scrollWidth - document.documentElement."
    assert browser.evaluate(overflow + "clientWidth") <= 0
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(ast.literal_eval(ground.removeprefix("rgb"))) < 200) == dark
    browser.evaluate("document.getElementById('theme').click()")
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(ast.literal_eval(ground.removeprefix("rgb"))) < 200) != dark
    if "SKLEARN_CLIP_SCREENSHOT" in os.environ:  # to be looked at
        browser.save_screenshot(Path(os.environ["SKLEARN_CLIP_SCREENSHOT"]))


def test_print_has_the_names_of_the_labels_and_is_light(open_report, rows):
    data = rows()
    browser = open_report(TaggerReport(data.P, None, data.Y), dark=True)
    browser.evaluate("document.documentElement.dataset.theme = 'dark'")
    browser.ask("Emulation.setEmulatedMedia", media="print")
    try:
        shown = browser.evaluate("document.getElementById('table').innerText")
        ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    finally:
        browser.ask("Emulation.setEmulatedMedia", media="")
    lines = [line.split("\t") for line in shown.splitlines() if "\t" in line]
    assert lines[0][:3] == ["label", "rows", "AP"]
    assert sorted(line[0] for line in lines[1:]) == ["0", "1", "2", "3"]
    assert ground == "rgb(255, 255, 255)"


def test_cuts_that_take_all_rows_or_none_are_named(open_report, rows):
    data = rows()
    cuts = [-np.inf, np.inf, 0.5, 0.5]
    browser = open_report(TaggerReport(data.P, None, data.Y, thresholds=cuts))
    for label, (word, n_given) in enumerate((("always", 120), ("never", 0))):
        cell = f"document.querySelector('tr[data-label=\"{label}\"] [data-name=cut]')"
        assert browser.evaluate(f"{cell}.textContent") == word
        choose(browser, label)
        shown = "document.getElementById('{}').textContent"
        assert browser.evaluate(shown.format("cut")) == word
        counts = [
            int(browser.evaluate(shown.format(f"n-{n}"))) for n in ("found", "false")
        ]
        assert sum(counts) == n_given
        type_cut(browser, 0.4)
        browser.evaluate("document.getElementById('back').click()")
        assert browser.evaluate(f"{cell}.textContent") == word
    head = "document.querySelector('th[data-sort=cut] button')"
    browser.evaluate(f"{head}.click()")
    order = (
        "[...document.querySelectorAll('#table tbody tr')].map(r => +r.dataset.label)"
    )
    found = browser.evaluate(order)
    assert found[0] == 1 and found[-1] == 0


def test_label_that_always_asks_leaves_its_rows_to_a_person(open_report, rows):
    """Its lower cut is without end, which is no missing one."""
    data = rows()
    report = TaggerReport(data.P, None, data.Y)
    report._asks_above = np.array([-np.inf, np.inf, 0.2, 0.2])
    browser = open_report(report)
    given = data.P >= 0.5
    for label, wanted in ((0, ~given[:, 0]), (1, np.zeros(120, dtype=bool))):
        choose(browser, label)
        assert sorted(shown_rows(browser, "unsure")) == list(np.flatnonzero(wanted))
        text = browser.evaluate("document.getElementById('kind-text').textContent")
        assert "are left to a person" in text


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_scores_of_any_size_make_a_page(rows, scale):
    data = rows(40)
    S = (data.P - 0.5) * scale
    text = TaggerReport(S, None, data.Y, thresholds=0, n_issues=0).to_html()
    assert "Infinity" not in text.split('id="data">')[1].split("</script>")[0]


def test_numbers_stay_in_one_line(open_report, rows):
    """Also beside the column of known rows, which takes their room."""
    data = rows(1500, 6, unknown=0.2)
    names = ["a name of several words", "an extraordinarily-long-single-word", *"cdef"]
    report = TaggerReport(data.P, None, data.Y, label_names=names, n_issues=0)
    browser = open_report(report)
    lines = browser.evaluate("""
        [...document.querySelectorAll("#table td")].map((cell) => {
          const range = document.createRange();
          range.selectNodeContents(cell);
          return new Set([...range.getClientRects()].map((r) => r.top)).size;
        })""")
    assert len(lines) == 6 * 7 and set(lines) == {1}


def test_everything_to_press_has_a_name(open_report, rows):
    data = rows()
    browser = open_report(TaggerReport(data.P, None, data.Y, images=data.pictures))
    choose(browser, 0)
    browser.ask("Accessibility.enable")
    nodes = browser.ask("Accessibility.getFullAXTree")["nodes"]
    pressed = {"button", "slider", "spinbutton", "combobox", "searchbox", "textbox"}
    pressed |= {"image", "table", "link"}
    found = {}
    for node in nodes:
        role = node.get("role", {}).get("value")
        if role in pressed and not node["ignored"]:
            name = node.get("name", {}).get("value", "")
            found.setdefault(role, []).append(name.strip())
    assert {"button", "slider", "spinbutton", "combobox", "searchbox"} <= set(found)
    assert all(name for role in found if role != "table" for name in found[role])
    assert len(found["image"]) > 3


def test_notebook_shows_the_page_in_a_frame(shared_browser, rows, tmp_path):
    data = rows()
    report = TaggerReport(data.P, None, data.Y, title='A "first" <try>')
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html>{report._repr_html_()}", encoding="utf-8")
    browser = shared_browser
    browser.ask("Page.navigate", url=path.as_uri())
    inside = "document.querySelector('iframe')?.contentDocument?."
    browser.wait_for(inside + "getElementById('label-name')?.textContent")
    title = browser.evaluate(inside + "querySelector('h1').textContent")
    assert title == 'A "first" <try>'
    assert browser.evaluate("document.querySelector('iframe').title") == title
