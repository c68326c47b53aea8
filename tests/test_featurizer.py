"""CLIPFeaturizer: what it takes, and what it gives."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from featurizer_rows import DIM, TEXTS, to_png
from PIL import Image

from sklearn_clip import (
    CLIPFeaturizer,
)
from sklearn_clip.embedding import load_backbone
from sklearn_clip.fusion import MeanFusion


@pytest.fixture
def paths(pictures, tmp_path):
    """The same pictures as files, named relative to a folder."""
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / f"{number}.png")
    return [f"{number}.png" for number in range(len(pictures))]


def pair_array(images, texts):
    array = np.empty((len(images), 2), dtype=object)
    for row, pair in enumerate(zip(images, texts, strict=True)):
        array[row, 0], array[row, 1] = pair
    return array


def test_every_form_of_x_gives_the_same_features(
    make_featurizer, pictures, paths, tmp_path
):
    data = [to_png(picture) for picture in pictures]
    arrays = [np.asarray(picture) for picture in pictures]
    files = [str(tmp_path / path) for path in paths]
    clip = make_featurizer(image_root=tmp_path)
    expected = clip.transform(list(zip(pictures, TEXTS, strict=True)))
    assert expected.dtype == np.float32 and expected.flags["C_CONTIGUOUS"]
    assert expected.shape == (4, 2 * DIM)
    for images in (paths, files, data, arrays, pictures, [tmp_path / p for p in paths]):
        for X in (
            pd.DataFrame({"text": TEXTS, "image": images}, index=list("wxyz")),
            [{"image": i, "text": t} for i, t in zip(images, TEXTS, strict=True)],
            [[i, t] for i, t in zip(images, TEXTS, strict=True)],
            pair_array(images, TEXTS),
        ):
            np.testing.assert_allclose(clip.transform(X), expected, atol=1e-6)
    for images in (paths, data):
        X = pl.DataFrame({"image": images, "text": TEXTS})
        np.testing.assert_allclose(clip.transform(X), expected, atol=1e-6)
    only_images = make_featurizer(text=None, image_root=str(tmp_path))
    for X in (pictures, paths, np.array(paths), pd.Series(paths), np.stack(arrays)):
        np.testing.assert_allclose(
            only_images.transform(X), expected[:, :DIM], atol=1e-6
        )
    only_texts = make_featurizer(image=None)
    for X in (TEXTS, np.array(TEXTS), pd.Series(TEXTS), pl.Series(TEXTS)):
        np.testing.assert_allclose(
            only_texts.transform(X), expected[:, DIM:], atol=1e-6
        )


@pytest.mark.parametrize("method", ["fit", "transform"])
def test_form_that_is_none_is_refused_before_the_model_is_loaded(method):
    clip = CLIPFeaturizer("ViT-B-32", "datacomp_xl_s13b_b90k")
    with pytest.raises(TypeError, match="X must be a DataFrame, a list of dicts"):
        getattr(clip, method)("a.png")
    with pytest.raises(ValueError, match="X must have the column 'image'"):
        getattr(clip, method)(pd.DataFrame({"text": TEXTS}))
    for rows in (pd.DataFrame({"Image": TEXTS}), [{"Image": TEXTS[0]}]):
        with pytest.raises(ValueError, match=r"'Image'.*Is 'Image' meant\?"):
            getattr(clip, method)(rows)


@pytest.mark.parametrize("rows", [pd.DataFrame({"a": TEXTS}), [{"a": TEXTS[0]}]])
def test_only_modality_is_not_to_be_left_out(rows):
    with pytest.raises(ValueError, match=r"leave the modality out with image=None\.$"):
        CLIPFeaturizer("clipart-tiny").transform(rows)
    alone = CLIPFeaturizer("clipart-tiny", image=None)
    with pytest.raises(ValueError, match=r"with CLIPFeaturizer\(text=") as caught:
        alone.transform(rows)
    assert "text=None" not in str(caught.value)


def test_columns_may_have_other_names(make_featurizer, pictures):
    frame = pd.DataFrame({"photo": pictures, "title": TEXTS})
    named = make_featurizer(image="photo", text="title").transform(frame)
    pairs = list(zip(pictures, TEXTS, strict=True))
    np.testing.assert_array_equal(named, make_featurizer().transform(pairs))


def test_columns_may_be_named_by_numbers(make_featurizer, pictures):
    expected = make_featurizer().transform(list(zip(pictures, TEXTS, strict=True)))
    frame = pd.DataFrame({0: pictures, 1: TEXTS})
    turned = list(zip(TEXTS, pictures, strict=True))
    first, second = make_featurizer(image=0, text=1), make_featurizer(image=1, text=0)
    for X in (frame, frame.to_dict("records"), pair_array(pictures, TEXTS)):
        np.testing.assert_array_equal(first.fit_transform(X), expected)
    for X in (frame.rename(columns={0: 1, 1: 0}), turned):
        np.testing.assert_array_equal(second.fit_transform(X), expected)
    np.testing.assert_array_equal(
        first.encode_images(frame), make_featurizer().encode_images(pictures)
    )
    with pytest.raises(ValueError, match=r"pairs.* image=0 and text=1.*Got image=1"):
        make_featurizer(image=1, text=2).fit(turned)


def test_cell_with_several_images_is_the_average(make_featurizer, pictures):
    clip = make_featurizer(text=None)
    one, two = clip.transform(pictures[:2])
    mean = (one + two) / np.linalg.norm(one + two)
    got = clip.transform([{"image": pictures[:2]}, {"image": [pictures[0], None]}])
    np.testing.assert_allclose(got, [mean, one], atol=1e-6)


@pytest.mark.parametrize("make", [list, pd.DataFrame])
def test_no_rows_give_no_features(make_featurizer, make):
    X = make([]) if make is list else make({"image": [], "text": []})
    assert make_featurizer().transform(X).shape == (0, 2 * DIM)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "1", "CMYK", "LA", "I;16"])
def test_pictures_of_every_mode_are_embedded_as_what_they_show(make_featurizer, mode):
    from sklearn_clip.embedding import decode_image

    ramp = np.linspace(0, 255, 48 * 48).astype(np.uint8).reshape(48, 48)
    picture = (
        Image.fromarray(ramp.astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(ramp).convert(mode)
    )
    assert picture.mode == mode
    clip = make_featurizer(text=None)
    np.testing.assert_array_equal(
        clip.transform([picture]), clip.transform([decode_image(picture)])
    )


def test_transparent_pixels_look_white(make_featurizer):
    clear = Image.new("RGBA", (30, 30), (200, 0, 0, 0))
    white = Image.new("RGB", (30, 30), "white")
    a, b = make_featurizer(text=None).transform([clear, white])
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"fusion": "sum"}, ValueError, "fusion must be one of"),
        ({"fusion": "product", "text": None}, ValueError, "Got text=None"),
        ({"fusion": MeanFusion(weight=2)}, ValueError, r"in \[0, 1\]. Got 2"),
        ({"fusion": lambda i, t: i[:1]}, ValueError, "one row per input row"),
        ({"fusion": MeanFusion}, TypeError, "such as MeanFusion"),
        ({"fusion": 3}, ValueError, "The 'fusion' parameter"),
        ({"device": "gpu"}, ValueError, "device must be 'auto' or a torch device"),
        ({"device": 1.5}, ValueError, "device must be 'auto' or a torch.*Got 1.5"),
        ({"precision": "int4"}, ValueError, "The 'precision' parameter"),
        ({"engine": "tensorrt"}, ValueError, "The 'engine' parameter"),
        ({"batch_size": 0}, ValueError, "The 'batch_size' parameter"),
        ({"num_workers": -1}, ValueError, "The 'num_workers' parameter"),
        ({"missing": "drop"}, ValueError, "The 'missing' parameter"),
        ({"on_error": "skip"}, ValueError, "The 'on_error' parameter"),
        ({"long_text": "cut"}, ValueError, "The 'long_text' parameter"),
        ({"cache": 3}, ValueError, "The 'cache' parameter"),
        ({"normalize": "yes"}, ValueError, "The 'normalize' parameter"),
        ({"model_name": None}, ValueError, "The 'model_name' parameter"),
        ({"verbose": -1}, ValueError, "The 'verbose' parameter"),
    ],
)
def test_parameter_that_cannot_be_is_refused(
    make_featurizer, pictures, parameters, error, message
):
    clip = make_featurizer()
    clip.set_params(**parameters)  # costs nothing and checks nothing
    X = pictures if clip.text is None else list(zip(pictures, TEXTS, strict=True))
    with pytest.raises(error, match=message):
        clip.fit(X).transform(X)


def test_normalize_scales_each_modality_to_unit_length(make_featurizer, pictures):
    X = list(zip(pictures, TEXTS, strict=True))
    raw = make_featurizer(normalize=False).transform(X)
    unit = make_featurizer().transform(X)
    for part in (slice(0, DIM), slice(DIM, None)):
        norms = np.linalg.norm(raw[:, part], axis=1, keepdims=True)
        assert not np.allclose(norms, 1, atol=0.05)
        np.testing.assert_allclose(unit[:, part], raw[:, part] / norms, atol=1e-6)


@pytest.mark.parametrize("normalize", [True, False])
def test_encode_gives_unit_vectors_of_one_modality(
    make_featurizer, pictures, normalize
):
    both = make_featurizer().transform(list(zip(pictures, TEXTS, strict=True)))
    clip = make_featurizer(fusion="image", normalize=normalize)
    np.testing.assert_allclose(clip.encode_images(pictures), both[:, :DIM], atol=1e-6)
    np.testing.assert_allclose(clip.encode_texts(TEXTS), both[:, DIM:], atol=1e-6)
    assert clip.encode_texts([None, "a"])[0].tolist() == [0] * DIM
    with pytest.raises(TypeError, match="Got a single str: put it in a list"):
        clip.encode_texts("a cat")


@pytest.mark.parametrize("batch_size", [1, 3, "auto"])
def test_vector_is_the_same_in_every_batch(make_featurizer, make_pictures, batch_size):
    pictures = make_pictures(7)
    X = list(zip(pictures, [f"{'word ' * i}{i}" for i in range(7)], strict=True))
    clip = make_featurizer(batch_size=batch_size, num_workers=1)
    alone = np.vstack([make_featurizer().transform([row]) for row in X])
    np.testing.assert_allclose(clip.transform(X), alone, atol=1e-5)


def test_long_text_is_cut_or_averaged(make_featurizer):
    words = [f"word{i}" for i in range(120)]
    text = " ".join(words)
    chunks = load_backbone(make_featurizer().model_name).chunk_text(text)
    assert len(chunks) > 2
    pieces = make_featurizer(image=None).transform(chunks)
    mean = pieces.mean(axis=0)
    averaged = make_featurizer(image=None, long_text="mean")
    got = averaged.transform([text, "short", None])
    np.testing.assert_allclose(got[0], mean / np.linalg.norm(mean), atol=1e-6)
    short = make_featurizer(image=None).transform(["short"])
    np.testing.assert_allclose(got[1:2], short, atol=1e-6)
    assert (got[2] == 0).all()
    cut, same_start = make_featurizer(image=None).transform([text, text + " more"])
    np.testing.assert_allclose(cut, same_start, atol=1e-6)
    assert not np.allclose(cut, got[0], atol=1e-3)


def test_device_may_be_an_object(make_featurizer, pictures):
    import torch

    X = list(zip(pictures, TEXTS, strict=True))
    given = make_featurizer(device=torch.device("cpu")).fit_transform(X)
    np.testing.assert_array_equal(given, make_featurizer(device="cpu").fit_transform(X))


def test_low_precision_is_close(make_featurizer, pictures):
    X = list(zip(pictures, TEXTS, strict=True))
    exact = make_featurizer(precision="fp32").transform(X)
    for precision in ("bf16", "fp16"):
        low = make_featurizer(precision=precision).transform(X)
        assert ((low * exact).sum(axis=1) / 2 > 0.99).all()


def test_threads_get_what_one_gets(make_featurizer, make_pictures, tmp_path):
    X = [(p, f"text {i}") for i, p in enumerate(make_pictures(32))]
    expected = make_featurizer().transform(X)
    clip = make_featurizer(cache=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(lambda i: clip.transform(X[i * 4 : i * 4 + 4]), range(8))
        np.testing.assert_allclose(np.vstack(list(parts)), expected, atol=1e-5)


@pytest.mark.parametrize(("verbose", "shown"), [(0, False), (1, True)])
def test_verbose_shows_a_bar_for_each_modality(
    make_featurizer, pictures, capsys, verbose, shown
):
    clip = make_featurizer(verbose=verbose)
    clip.transform(list(zip(pictures, TEXTS, strict=True)))
    err = capsys.readouterr().err
    assert ("images: 100%" in err and "texts: 100%" in err) is shown
