"""CLIPFeaturizer: what it takes, what it gives, what it remembers."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from featurizer_rows import DIM, TEXTS, to_png
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import estimator_checks

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.embedding import load_backbone
from sklearn_clip.fusion import Fusion, MeanFusion

FUSIONS = {
    "image": DIM,
    "text": DIM,
    "concat": 2 * DIM,
    "mean": DIM,
    "max": DIM,
    "product": DIM,
    "concat_product": 3 * DIM,
    "interaction": 4 * DIM + 1,
}


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


@pytest.mark.parametrize("fusion", FUSIONS)
def test_fusion_has_a_name_for_every_column(make_featurizer, pictures, fusion):
    X = list(zip(pictures, TEXTS, strict=True))
    for indicator in (False, True):
        clip = make_featurizer(fusion=fusion, add_missing_indicator=indicator)
        flags = (1 if fusion in ("image", "text") else 2) if indicator else 0
        features = clip.fit_transform(X)
        assert features.shape == (4, FUSIONS[fusion] + flags)
        names = clip.get_feature_names_out()
        assert len(names) == len(set(names)) == features.shape[1]
        assert all(name.startswith("clip_") for name in names)
        assert features.dtype == np.float32 and features.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(("fusion", "idle"), [("image", "text"), ("text", "image")])
def test_tower_that_is_not_needed_never_runs(
    write_model, tmp_path, pictures, count_encoded, fusion, idle
):
    name = write_model(tmp_path / fusion, seed=7)
    load_backbone(name).probe()  # it takes both towers, once per model
    before = dict(count_encoded)
    clip = CLIPFeaturizer(name, fusion=fusion, cache=None)
    X = pd.DataFrame({fusion: pictures if fusion == "image" else TEXTS})
    clip.fit_transform(X)
    assert count_encoded[fusion] - before[fusion] == 4
    assert count_encoded[idle] == before[idle]


def test_weight_of_a_fusion_object_is_a_parameter(make_featurizer, pictures):
    X = list(zip(pictures, TEXTS, strict=True))
    clip = make_featurizer()
    image, text = np.split(clip.transform(X), 2, axis=1)
    clip.set_params(fusion=MeanFusion(), fusion__weight=0.3)
    np.testing.assert_allclose(clip.transform(X), 0.3 * image + 0.7 * text, atol=1e-6)
    assert clip.get_params()["fusion__weight"] == 0.3
    np.testing.assert_allclose(
        make_featurizer(fusion="mean").transform(X), (image + text) / 2, atol=1e-6
    )


def test_grid_over_presets_and_over_a_weight_is_one_search(
    make_featurizer, make_pictures
):
    pictures = make_pictures(24)
    X = list(zip(pictures, [f"number {i}" for i in range(24)], strict=True))
    y = np.tile([0, 1], 12)
    pipe = Pipeline(
        [("clip", make_featurizer(cache="auto")), ("head", LogisticRegression())]
    )
    grids = [
        {"clip__fusion": ["image", "text", "mean"]},
        {"clip__fusion": [MeanFusion()], "clip__fusion__weight": [0.2, 0.5]},
    ]
    search = GridSearchCV(pipe, grids, cv=2, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 5 and np.isfinite(scores).all()
    assert scores[2] == scores[4]  # "mean" and MeanFusion(weight=0.5)


def subtract(image, text):
    return (image - text)[:, :10]


def test_function_is_a_fusion(make_featurizer, pictures):
    X = list(zip(pictures, TEXTS, strict=True))
    image, text = np.split(make_featurizer().transform(X), 2, axis=1)
    clip = make_featurizer(fusion=subtract)
    np.testing.assert_allclose(clip.transform(X), (image - text)[:, :10], atol=1e-6)
    assert clip.get_feature_names_out()[-1] == "clip_fused_9"
    assert pickle.loads(pickle.dumps(clip)).transform(X).shape == (4, 10)


class Flat(Fusion):
    """One number a row, in the wrong shape, and no names."""

    def fuse(self, image, text, image_present, text_present):
        """Return the products of rows."""
        return (image * text).sum(axis=1)


def test_fusion_object_of_another_shape_is_refused(make_featurizer, pictures):
    clip = make_featurizer(fusion=Flat())
    with pytest.raises(ValueError, match=r"shape \(n, k\).*Got shape \(4,\)"):
        clip.transform(list(zip(pictures, TEXTS, strict=True)))
    with pytest.raises(NotImplementedError, match="Flat must set blocks"):
        clip.get_feature_names_out()


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
        ({"precision": "int8"}, ValueError, "The 'precision' parameter"),
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


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_names_columns(make_featurizer, pictures, library):
    X = pd.DataFrame({"image": pictures, "text": TEXTS}, index=list("abcd"))
    clip = make_featurizer().set_output(transform=library)
    frame = clip.fit_transform(X)
    assert type(frame).__module__.split(".")[0] == library
    assert list(frame.columns) == list(clip.get_feature_names_out())
    assert (frame.columns[0], frame.columns[-1]) == ("clip_image_0", "clip_text_63")
    np.testing.assert_array_equal(frame.to_numpy(), make_featurizer().transform(X))
    if library == "pandas":
        assert list(frame.index) == list("abcd")
    listed = clip.transform(list(zip(pictures, TEXTS, strict=True)))
    assert listed.shape == (4, 2 * DIM)


def test_html_repr_is_shown_without_loading_weights(make_featurizer, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("sklearn_clip.embedding.load_backbone", refuse)
    for clip in (make_featurizer(), CLIPFeaturizer(), CLIPFeaturizer("no-such-model")):
        assert "CLIPFeaturizer" in clip._repr_html_()
        assert "CLIPFeaturizer" in Pipeline([("clip", clip)])._repr_html_()


def test_attributes_of_the_model_are_listed_once_it_was_used(make_featurizer):
    clip = make_featurizer()
    clip.encode_texts(["a"])
    assert {"embedding_dim_", "model_fingerprint_"} <= set(dir(clip))


def test_transform_works_without_fit_and_after_clone(make_featurizer, pictures):
    clip = make_featurizer(text=None)
    np.testing.assert_array_equal(
        clip.transform(pictures), clone(clip).fit(pictures).transform(pictures)
    )


@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_scikit_learn_check_passes(make_featurizer, check):
    # The other checks feed numbers in two dimensions, which are no images or texts.
    getattr(estimator_checks, check)("CLIPFeaturizer", make_featurizer())


def test_output_keeps_no_dtype_of_the_input(make_featurizer):
    tags = make_featurizer().__sklearn_tags__()
    assert tags.transformer_tags.preserves_dtype == []


def test_scikit_learn_knows_that_rows_are_no_numbers(make_featurizer):
    with pytest.warns(SkipTestWarning, match="Can't test estimator CLIPFeaturizer"):
        checks = estimator_checks.check_estimator(
            make_featurizer(), on_fail=None, on_skip=None
        )
    assert checks and all(check["status"] == "passed" for check in checks)


def test_pipeline_is_cross_validated_with_many_labels(make_featurizer, make_pictures):
    rng = np.random.default_rng(0)
    X = [(p, f"thing {i}") for i, p in enumerate(make_pictures(20))]
    Y = rng.integers(0, 2, size=(20, 3))
    pipe = Pipeline(
        [
            ("clip", make_featurizer(cache="auto")),
            ("head", OneVsRestClassifier(LogisticRegression())),
        ]
    )
    result = cross_validate(pipe, X, Y, cv=4, scoring="f1_micro", error_score="raise")
    assert np.isfinite(result["test_score"]).all()
    assert pipe.fit(X, Y).predict_proba(X).shape == (20, 3)


@pytest.mark.parametrize(("verbose", "shown"), [(0, False), (1, True)])
def test_verbose_shows_a_bar_for_each_modality(
    make_featurizer, pictures, capsys, verbose, shown
):
    clip = make_featurizer(verbose=verbose)
    clip.transform(list(zip(pictures, TEXTS, strict=True)))
    err = capsys.readouterr().err
    assert ("images: 100%" in err and "texts: 100%" in err) is shown


def test_rows_in_another_order_than_their_targets_bring_a_warning(
    make_featurizer, pictures
):
    X = pd.DataFrame({"image": pictures, "text": TEXTS}, index=list("abcd"))
    y = pd.DataFrame({"red": [0, 1, 1, 0]}, index=list("abcd"))
    clip = make_featurizer()
    tuned = ThresholdOptimizer(
        make_pipeline(clip, MultiLabelLogisticRegression()), cv="prefit"
    )
    tuned.estimator.fit(X, y)
    with pytest.warns(UserWarning, match=r"by position: 'a' of X with 'd' of y.*y.loc"):
        clip.fit(X, y.iloc[::-1])
    with pytest.warns(UserWarning, match="the same index in another order"):
        tuned.fit(X, y.iloc[::-1])
    labelled = ZeroShotClassifier(["red"], make_featurizer(text=None), calibrate=True)
    with pytest.warns(UserWarning, match="the same index in another order"):
        labelled.fit(X, y.iloc[::-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clip.fit(X, y)
        clip.fit(X, y.reset_index(drop=True))  # another index is by position on purpose
        clip.fit(X.to_dict("records"), y)
        for rows, targets in [
            ([1, 1, 2, 3], [1, 2, 2, 3]),  # no label is that of one row
            ([1, 2, 3, pd.NA], [pd.NA, 1, 2, 3]),
        ]:
            clip.fit(X.set_axis(rows, axis=0), y.set_axis(targets, axis=0))
        tuned.fit(X, y.to_numpy())
