"""Every fusion against its formula in plain NumPy, and the names of its columns."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from sklearn_clip.fusion import (
    CallableFusion,
    ConcatFusion,
    ConcatProductFusion,
    Fusion,
    ImageFusion,
    InteractionFusion,
    MaxFusion,
    MeanFusion,
    ProductFusion,
    TextFusion,
    make_fusion,
)
from sklearn_clip.fusion._fusions import check_fused

ROWS, DIM = 6, 5
RNG = np.random.default_rng(0)
I, T = RNG.normal(size=(2, ROWS, DIM)).astype(np.float32)  # noqa: E741
HAS_I = np.array([True, True, True, False, False, True])
HAS_T = np.array([True, True, False, True, False, True])
I[~HAS_I] = 0
T[~HAS_T] = 0


def row_cosine(i, t):
    norm = np.sqrt((i**2).sum()) * np.sqrt((t**2).sum())
    return [(i * t).sum() / norm if norm else 0.0]


def mean_of_present(i, t, has_i, has_t, weight=0.5):
    if has_i and has_t:
        return weight * i + (1 - weight) * t
    return i + t  # at least one of them is zeros


def max_of_present(i, t, has_i, has_t):
    if has_i and has_t:
        return np.where(i > t, i, t)
    return i + t


def scaled(i, t):
    norm = np.linalg.norm(i * t)
    root = np.sqrt(np.linalg.norm(i) * np.linalg.norm(t))
    return root * i * t / norm if norm else 0 * i


FORMULAS = {
    "image": lambda i, t, *_: i,
    "text": lambda i, t, *_: t,
    "concat": lambda i, t, *_: [*i, *t],
    "mean": mean_of_present,
    "max": max_of_present,
    "product": lambda i, t, *_: scaled(i, t),
    "concat_product": lambda i, t, *_: [*i, *t, *scaled(i, t)],
    "interaction": lambda i, t, *_: [
        *i,
        *t,
        *scaled(i, t),
        *abs(i - t),
        *row_cosine(i, t),
    ],
}


@pytest.mark.parametrize("preset", FORMULAS)
def test_preset_equals_its_formula(preset):
    fused = make_fusion(preset).fuse(I, T, HAS_I, HAS_T)
    expected = [FORMULAS[preset](*row) for row in zip(I, T, HAS_I, HAS_T, strict=True)]
    np.testing.assert_allclose(fused, expected, rtol=1e-6, atol=1e-7)
    assert fused.dtype == np.float32


WITH_PRODUCT = [ProductFusion, ConcatProductFusion, InteractionFusion]


@pytest.mark.parametrize("length", [1, 30])
@pytest.mark.parametrize("shared", [0, 3])
@pytest.mark.parametrize("dim", [3, 64, 700])
@pytest.mark.parametrize("fusion", WITH_PRODUCT)
def test_blocks_are_on_one_scale(fusion, dim, shared, length):
    image, text = RNG.normal(size=(2, 50, dim))
    image[:, 0] += shared * dim**0.5  # a direction that all vectors share
    text[:, 0] += shared * dim**0.5
    image *= length / np.linalg.norm(image, axis=1, keepdims=True)
    text *= length / np.linalg.norm(text, axis=1, keepdims=True)
    there = np.ones(50, dtype=bool)
    fused = fusion().fuse(image, text, there, there)
    names = np.array(fusion().feature_names(dim))
    product = fused[:, np.char.startswith(names, "product_")]
    np.testing.assert_allclose(np.linalg.norm(product, axis=1), length)
    np.testing.assert_allclose(np.sign(product), np.sign(image * text))


@pytest.mark.parametrize("fusion", WITH_PRODUCT)
def test_without_block_norm_the_product_is_as_it_comes(fusion):
    scaled = fusion().fuse(I, T, HAS_I, HAS_T)
    plain = fusion(block_norm=False).fuse(I, T, HAS_I, HAS_T)
    names = np.array(fusion().feature_names(DIM))
    product = np.char.startswith(names, "product_")
    np.testing.assert_array_equal(plain[:, product], I * T)
    np.testing.assert_array_equal(plain[:, ~product], scaled[:, ~product])
    assert plain.dtype == scaled.dtype == np.float32


@pytest.mark.parametrize("fusion", WITH_PRODUCT)
@pytest.mark.parametrize("value", [None, "yes", 2, 0.5])
def test_block_norm_that_is_no_boolean_is_refused(fusion, value):
    with pytest.raises(ValueError, match="block_norm of .*must be True or False. Got"):
        fusion(block_norm=value).fuse(I, T, HAS_I, HAS_T)


@pytest.mark.parametrize("preset", FORMULAS)
def test_names_are_as_many_as_columns_and_distinct(preset):
    fusion = make_fusion(preset)
    names = fusion.feature_names(DIM)
    assert len(set(names)) == len(names) == fusion.fuse(I, T, HAS_I, HAS_T).shape[1]


def test_names_follow_the_blocks():
    assert make_fusion("concat").feature_names(2) == [
        "image_0",
        "image_1",
        "text_0",
        "text_1",
    ]
    assert make_fusion("interaction").feature_names(1) == [
        "image_0",
        "text_0",
        "product_0",
        "distance_0",
        "cosine",
    ]


@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_weight_of_the_mean_is_that_of_the_image(weight):
    fused = MeanFusion(weight).fuse(I, T, HAS_I, HAS_T)
    expected = [
        mean_of_present(*row, weight=weight)
        for row in zip(I, T, HAS_I, HAS_T, strict=True)
    ]
    np.testing.assert_allclose(fused, expected, rtol=1e-6)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan"), "0.5", None])
def test_weight_outside_zero_and_one_is_refused(weight):
    with pytest.raises(ValueError, match=r"MeanFusion must be in \[0, 1\]. Got"):
        MeanFusion(weight).fuse(I, T, HAS_I, HAS_T)


def test_maximum_of_a_row_with_one_item_is_that_item():
    image, text = -np.ones((1, 3)), np.zeros((1, 3))
    there, absent = np.array([True]), np.array([False])
    assert (MaxFusion().fuse(image, text, there, absent) == -1).all()
    assert (MaxFusion().fuse(image, text, there, there) == 0).all()


def test_presets_are_new_objects_that_do_not_share_parameters():
    made = make_fusion("mean")
    made.set_params(weight=0.9)
    assert make_fusion("mean").weight == 0.5


def test_fusion_object_is_used_as_it_is_and_can_be_cloned():
    fusion = MeanFusion(weight=0.2)
    assert make_fusion(fusion) is fusion
    assert clone(fusion).weight == 0.2


@pytest.mark.parametrize("preset", ["concat", "mean", "max"])
def test_one_available_modality_stands_alone(preset):
    assert isinstance(make_fusion(preset, ("image",)), ImageFusion)
    assert isinstance(make_fusion(preset, ("text",)), TextFusion)


@pytest.mark.parametrize(
    ("fusion", "available", "message"),
    [
        ("image", ("text",), "fusion='image' needs image. Got image=None"),
        ("text", ("image",), "fusion='text' needs text. Got text=None"),
        ("product", ("image",), "needs image and text. Got text=None"),
        ("interaction", ("text",), "Name the column with image=..."),
        ("concat", (), "Got image=None and text=None"),
        (np.add, ("image",), "needs image and text. Got text=None"),
    ],
)
def test_fusion_without_its_modality_is_refused(fusion, available, message):
    with pytest.raises(ValueError, match=message):
        make_fusion(fusion, available)


def test_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"one of \['concat', .*Got 'hadamard'"):
        make_fusion("hadamard")


@pytest.mark.parametrize("fusion", [3, None, MeanFusion])
def test_other_types_are_refused(fusion):
    with pytest.raises(TypeError, match=r"such as MeanFusion\(weight=0.7\)"):
        make_fusion(fusion)


def test_function_is_a_fusion_and_names_its_columns():
    fusion = make_fusion(np.subtract)
    assert isinstance(fusion, CallableFusion)
    np.testing.assert_array_equal(fusion.fuse(I, T, HAS_I, HAS_T), I - T)
    assert fusion.feature_names(3) == ["fused_0", "fused_1", "fused_2"]


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda i, t: (i * t).sum(axis=1), r"\(6,\)"),
        (lambda i, t: np.zeros((2, 3)), r"\(2, 3\)"),
        (lambda i, t: None, r"\(\)"),
    ],
)
def test_function_of_another_shape_is_refused(function, shape):
    with pytest.raises(ValueError, match=rf"shape \(n, k\).*Got shape {shape} .*for 6"):
        CallableFusion(function).fuse(I, T, HAS_I, HAS_T)


@pytest.mark.parametrize(
    ("fused", "got"),
    [
        (I[:, 0], r"shape \(6,\) and dtype float32"),
        (I[:2], r"shape \(2, 5\)"),
        (I.astype(str), "dtype <U"),
        (I.astype(object), "dtype object"),
        (I + 1j, "dtype complex"),
        (None, r"shape \(\)"),
        (sparse.csr_array(I), r"shape \(\) and dtype object"),
    ],
)
def test_features_that_are_no_table_of_numbers_are_refused(fused, got):
    with pytest.raises(ValueError, match=rf"shape \(n, k\).*Got .*{got}.* for 6 rows"):
        check_fused(fused, 6)


@pytest.mark.parametrize("fused", [I, I.tolist(), I > 0, I.astype(np.int8)])
def test_table_of_numbers_is_a_fusion(fused):
    np.testing.assert_array_equal(check_fused(fused, 6), fused)


def test_fusion_without_blocks_names_no_columns():
    with pytest.raises(NotImplementedError, match="Fusion must set blocks, or .*names"):
        Fusion().feature_names(3)


def test_base_class_fuses_nothing():
    with pytest.raises(NotImplementedError, match="^$"):
        Fusion().fuse(I, T, HAS_I, HAS_T)


def test_concat_keeps_rows_aligned():
    fused = ConcatFusion().fuse(I, T, HAS_I, HAS_T)
    assert (fused[3, :DIM] == 0).all() and (fused[3, DIM:] == T[3]).all()
