"""What readers warn of is told once per call, in the thread that asked, or not lost."""

import io
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from saved_pictures import encoded

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.embedding import listen
from sklearn_clip.plotting._pictures import read_pictures


def with_odd_tags(colour, n_tags=60):
    """Write a TIFF that is whole but has tags that Pillow warns of, one by one."""
    file = io.BytesIO()
    extra = {60_000 + number: f"value {number}" for number in range(n_tags)}
    Image.new("RGB", (9, 7), colour).save(file, "TIFF", tiffinfo=extra)
    data = bytearray(file.getvalue())
    start = int.from_bytes(data[4:8], "little")
    for number in range(int.from_bytes(data[start : start + 2], "little")):
        entry = start + 2 + 12 * number
        tag = int.from_bytes(data[entry : entry + 2], "little")
        if tag >= 60_000:  # its value is said to lie behind the end
            data[entry + 8 : entry + 12] = (2**30).to_bytes(4, "little")
    return bytes(data)


@pytest.fixture
def clip():
    return CLIPFeaturizer("clipart-tiny", text=None, on_error="nan", cache=None)


def caught_in(use, *arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use(*arguments)
    return caught


def test_odd_file_makes_pillow_warn_several_times():
    data = with_odd_tags("red")
    assert len(caught_in(lambda: Image.open(io.BytesIO(data)).load())) > 1


@pytest.mark.parametrize("use", ["transform", "check_images", "encode_images"])
def test_call_warns_once_and_names_the_rows(clip, use):
    good = Image.new("RGB", (9, 7), "lime")
    rows = [good, with_odd_tags("red"), good, with_odd_tags("blue"), None]
    caught = caught_in(getattr(clip, use), rows)
    assert [w.category for w in caught] == [UserWarning]
    assert {w.filename for w in caught} == {__file__}
    message = str(caught[0].message)
    assert message.startswith("2 images were read with a warning (first: row 1, <")
    assert " more)" in message and "also row 3" in message


def test_row_is_named_by_its_index_label(clip):
    frame = pd.DataFrame({"image": [with_odd_tags("red")]}, index=["b7"])
    (warning,) = caught_in(clip.transform, frame)
    assert "row 0 (index 'b7')" in str(warning.message)


def test_many_rows_are_counted_and_some_are_named(clip):
    (warning,) = caught_in(clip.transform, [with_odd_tags(c) for c in range(20)])
    message = str(warning.message)
    assert message.startswith("20 images were read")
    assert "also rows 1, 2, 3, 4, 5 ..." in message


def test_broken_file_is_told_once_by_its_reason(clip):
    rows = [with_odd_tags("red")[:150], Image.new("RGB", (3, 3))]
    (warning,) = caught_in(clip.transform, rows)
    assert "1 image could not be read" in str(warning.message)
    assert caught_in(clip.check_images, rows) == []


def test_picture_opened_by_the_user_is_told_too(clip):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = Image.open(io.BytesIO(with_odd_tags("red")))
    caught_in(clip.transform, [picture])  # whatever was said at its opening is said
    assert picture.size == (9, 7)


def test_large_pictures_keep_their_category(clip, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    rows = [encoded(Image.new("RGB", (9, 7), "red"), "PNG"), with_odd_tags("blue")]
    caught = caught_in(clip.transform, rows)
    bomb, other = caught
    assert bomb.category is Image.DecompressionBombWarning
    assert "2 images were read" in str(bomb.message) and "63 pixels" in str(
        bomb.message
    )
    assert "1 image was read" in str(other.message)


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_warning_of_which_the_user_makes_an_error_stays_one(clip, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    plain = encoded(Image.new("RGB", (9, 7), "red"), "PNG")
    ((row, _, reason),) = clip.check_images([plain])
    assert row == 0 and "63 pixels" in reason


def test_ignored_warnings_are_not_told(clip):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        clip.transform([with_odd_tags("red")])
    assert caught == []


def test_plot_tells_of_its_pictures():
    rows = [with_odd_tags("red"), with_odd_tags("blue")]
    caught = caught_in(read_pictures, rows, np.arange(2), "image", None, None)
    assert ["2 images were read" in str(w.message) for w in caught] == [True]


def test_warnings_of_other_threads_are_shown():
    inside, done = threading.Event(), threading.Event()

    def hear():
        with listen() as said:
            inside.set()
            done.wait(20)
            warnings.warn("heard", UserWarning, stacklevel=1)
        return said

    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor(1) as pool:
        warnings.simplefilter("always")
        heard = pool.submit(hear)
        assert inside.wait(20)
        warnings.warn("shown", UserWarning, stacklevel=1)
        done.set()
        assert heard.result() == [(UserWarning, "heard")]
    assert [str(w.message) for w in caught] == ["shown"]


def test_users_own_way_to_show_warnings_comes_back(monkeypatch):
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda *a, **o: shown.append(a[1]))
    own = warnings.showwarning
    with listen(), warnings.catch_warnings():
        # Leaves behind what it found, after the listening has ended for other threads.
        warnings.simplefilter("always")
        with listen() as said:
            warnings.warn("inner", RuntimeWarning, stacklevel=1)
    assert [text for _, text in said] in (["inner"], [])
    assert warnings.showwarning is own


def test_listening_twice_hears_each_once():
    with listen() as outer:
        with listen() as inner:
            warnings.warn("inner", RuntimeWarning, stacklevel=1)
        warnings.warn("outer", RuntimeWarning, stacklevel=1)
    assert [text for _, text in inner] == ["inner"]
    assert [text for _, text in outer] == ["outer"]


def test_many_threads_each_hear_their_own():
    def hear(number):
        with listen() as said:
            warnings.warn(f"said {number}", UserWarning, stacklevel=1)
        return said

    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with ThreadPoolExecutor(8) as pool:
            heard = list(pool.map(hear, range(500)))
    assert heard == [[(UserWarning, f"said {number}")] for number in range(500)]
    assert warnings.showwarning is before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_child_forked_while_somebody_listens_can_listen():
    def hear():
        with listen() as said:
            pass
        assert said == []

    with listen():
        child = get_context("fork").Process(target=hear)
        child.start()
        child.join(20)
    assert child.exitcode == 0


PROGRAM = """
import sys
import numpy as np
from sklearn_clip import CLIPFeaturizer
files = np.load(sys.argv[1], allow_pickle=False)
rows = [bytes(file).rstrip(b"\\xff") for file in files]
clip = CLIPFeaturizer("clipart-tiny", text=None, on_error="nan", cache=None)
np.save(sys.argv[2], clip.transform(rows))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="libtiff is found there")
def test_damaged_tiffs_write_one_warning_to_the_standard_error(tmp_path, light_engine):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    rows = []
    for number in range(12):
        data = bytearray(encoded(noise, "TIFF", compression="tiff_adobe_deflate"))
        data[200 + number : 260] = bytes(60 - number)
        rows.append(bytes(data))
    width = max(map(len, rows)) + 1
    padded = np.stack(
        [np.frombuffer(row.ljust(width, b"\xff"), np.uint8) for row in rows]
    )
    np.save(tmp_path / "files.npy", padded)
    command = [sys.executable, "-c", PROGRAM, "files.npy", "features.npy"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert np.isnan(np.load(tmp_path / "features.npy")).all()
    assert done.stderr.count("Warning") == 1 and len(done.stderr) < 1000
    assert "12 images could not be read" in done.stderr
