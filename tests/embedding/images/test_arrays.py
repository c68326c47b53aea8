"""Arrays and tensors: what is unambiguous is taken, the rest refused in a sentence."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from saved_pictures import pixels
from torchvision import tv_tensors

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.embedding import describe_image, split_rows
from sklearn_clip.embedding.images._decoding import image_digest, why_unreadable

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (12, 20, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (12, 20, 4), dtype=np.uint8)
GREYS = RNG.integers(0, 256, (12, 20), dtype=np.uint8)
FIRST = np.moveaxis(COLOURS, 2, 0)


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        (FIRST, COLOURS),
        (FIRST.copy(), COLOURS),
        (np.moveaxis(ALPHA, 2, 0), ALPHA),
        (GREYS[None], GREYS),
        (GREYS[..., None], GREYS),
        (COLOURS[::-1, ::-1], COLOURS[::-1, ::-1].copy()),
        (np.asfortranarray(COLOURS), COLOURS),
        (COLOURS.astype(np.uint16) * 257, COLOURS),
        (FIRST.astype(">u2") * 257, COLOURS),
        (GREYS.astype(np.uint16) * 257, GREYS),
        (GREYS.astype("<u2")[None] * 257, GREYS),
        (ALPHA.astype(np.uint16) * 257, ALPHA),
        (np.ma.array(COLOURS), COLOURS),
        (np.ma.array(COLOURS, mask=np.zeros(COLOURS.shape, bool)), COLOURS),
        (GREYS.view(np.matrix), GREYS),
        (torch.from_numpy(FIRST.copy()), COLOURS),
        (torch.from_numpy(COLOURS), COLOURS),
        (torch.from_numpy(COLOURS).permute(2, 0, 1), COLOURS),
        (torch.from_numpy(GREYS)[None], GREYS),
        (torch.from_numpy(GREYS), GREYS),
        (tv_tensors.Image(torch.from_numpy(FIRST.copy())), COLOURS),
    ],
)
def test_forms_of_one_picture_share_pixels_and_digest(source, plain):
    assert np.array_equal(pixels(source), pixels(plain))
    assert image_digest(source) == image_digest(plain)


def test_sixteen_bits_of_an_array_are_those_of_a_file():
    deep = RNG.integers(0, 65536, (12, 20)).astype(np.uint16)
    assert np.array_equal(pixels(deep), pixels(Image.fromarray(deep)))
    assert np.array_equal(pixels(deep)[..., 0], deep // 257)


def test_three_or_four_channels_last_are_last_whatever_stands_first():
    for height in (1, 3, 4):
        picture = RNG.integers(0, 256, (height, 5, 3), dtype=np.uint8)
        assert np.array_equal(pixels(picture), picture)


def test_digests_of_arrays_with_the_same_bytes_differ():
    data = RNG.integers(0, 256, 3 * 12 * 16, dtype=np.uint8)
    forms = [
        data.reshape(12, 16, 3),
        data.reshape(16, 12, 3),
        data.reshape(3, 12, 16),
        data.reshape(3, 16, 12),
        data.reshape(24, 24),
        data.reshape(1, 48, 12),
        data.view(np.uint16).reshape(24, 12),
        data.view(">u2").reshape(24, 12),
        data.reshape(12, 12, 4),
        data.reshape(4, 12, 12),
    ]
    assert len({image_digest(form) for form in forms}) == len(forms)


class FromElsewhere:
    """What an array of another library looks like."""

    dtype, shape = np.dtype(np.uint8), (12, 20, 3)

    def __array__(self, dtype=None, copy=None):
        return COLOURS


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            COLOURS / 255,
            r"got float64 of shape \(12, 20, 3\) with values from 0 to 1: give "
            r"\(255 \* x\)\.round\(\)\.astype\(numpy\.uint8\) if 1 is white",
        ),
        (np.full((4, 5), np.nan, np.float32), r"got float32 of shape \(4, 5\): give"),
        (np.zeros((4, 0)), r"got float64 of shape \(4, 0\): give"),
        (
            COLOURS.astype(np.int64),
            r"got int64 .* with values from 0 to 255: give x\.astype\(numpy\.uint8\)",
        ),
        (COLOURS.astype(np.uint32), "got uint32 .* give x"),
        (
            COLOURS.astype(np.float32),
            r"from 0 to 255: give x\.round\(\)\.astype\(numpy\.uint8\) if 255 is white",
        ),
        (
            COLOURS.astype(np.int32) * 257,
            r"to 65535: give x\.astype\(numpy\.uint16\) if 65535 is white",
        ),
        (COLOURS.astype(np.int64) * 999, r"give x\.astype\(numpy\.uint8\) once its"),
        (COLOURS / 100 - 1, r"from -1 to 1\.55: give .* once its values are from 0"),
        (COLOURS.astype(np.int8), "got int8 .* with values from -128 to 127"),
        (GREYS > 9, r"got bool .* give 255 \* x\.astype\(numpy\.uint8\) if True"),
        (COLOURS.astype(complex), r"got complex128 .* once its values are from 0"),
        (torch.zeros(3, 8, 9), r"got float32 of shape \(3, 8, 9\): give \(255 \* x\)"),
        (torch.zeros(3, 8, 9, dtype=torch.bfloat16), "got bfloat16 .* if 1 is white"),
        (
            torch.zeros(3, 8, 9, dtype=torch.uint8, device="meta"),
            r"'meta': give x\.cpu",
        ),
        (COLOURS[..., :2], r"got \(12, 20, 2\): for grey with alpha give PIL.Image.fr"),
        (FIRST[:2], r"got \(2, 12, 20\)"),
        (COLOURS[None], r"got \(1, 12, 20, 3\): for several images give list\(x\)"),
        (GREYS[0], r"got \(20,\)"),
        (GREYS[:0], r"must have pixels, got \(0, 20\)"),
        (FIRST[:, :0], r"must have pixels, got \(3, 0, 20\)"),
        (COLOURS[:3, :, :1], r"\(3, 20, 1\) may have its channels first or last: give"),
        (torch.zeros(3, 8, 3, dtype=torch.uint8), r"\(3, 8, 3\) may have its channels"),
        (
            np.ma.array(GREYS, mask=GREYS > 250),
            r"^\d+ values of an image array are masked.*give x\.filled\(255\)",
        ),
        (FromElsewhere(), r"got a test_arrays\.FromElsewhere of shape .*numpy.asarray"),
    ],
)
def test_arrays_that_leave_something_open_are_refused_in_one_sentence(source, reason):
    why = why_unreadable(source)
    assert why is not None and re.search(reason, why), why
    assert len(why) < 250 and "\n" not in why
    with pytest.raises(ValueError, match=re.escape(why)):
        image_digest(source)


def test_a_tensor_is_named_by_its_shape_and_type():
    assert (
        describe_image(torch.zeros(3, 8, 9)) == "<Tensor of shape (3, 8, 9), float32>"
    )


def cells(X):
    return split_rows(X, image="image", text=None, modalities=("image",)).image


@pytest.mark.parametrize(
    "shape", [(5, 12, 20, 3), (5, 3, 12, 20), (5, 1, 12, 20), (5, 12, 20, 1)]
)
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_stacks_of_images_are_their_images(shape, kind):
    stack = RNG.integers(0, 256, shape, dtype=np.uint8)
    found = cells(kind(stack))
    assert len(found) == 5 and all(len(cell) == 1 for cell in found)
    for cell, image in zip(found, stack, strict=True):
        assert np.array_equal(pixels(cell[0]), pixels(image))


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_a_lone_image_is_no_stack(kind):
    for image in (COLOURS, FIRST.copy(), GREYS[None]):
        with pytest.raises(ValueError, match=r"For a single image give X\[None\]"):
            cells(kind(image))


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_a_number_in_an_array_is_no_row_and_no_image(kind):
    with pytest.raises(ValueError, match=r"an \(image, text\) pair. Got .*\(row 0\)"):
        split_rows([kind(5)], image="image", text="text", modalities=("image",))
    (cell,) = cells([kind(5)])
    assert re.search(r"got int64 of shape \(\)", why_unreadable(cell[0]))
    assert len(cells([np.array(None)])[0]) == 1


def test_forms_of_one_picture_give_one_vector():
    clip = CLIPFeaturizer("clipart-tiny", text=None, cache=None)
    forms = [
        COLOURS,
        FIRST,
        COLOURS.astype(np.uint16) * 257,
        torch.from_numpy(FIRST.copy()),
        Image.fromarray(COLOURS),
    ]
    vectors = clip.fit_transform(forms)
    assert np.abs(vectors - vectors[0]).max() < 1e-5
    pairs = [(GREYS[None], "a word"), (GREYS, "a word")]
    both = CLIPFeaturizer("clipart-tiny", cache=None).fit_transform(pairs)
    assert np.abs(both[0] - both[1]).max() < 1e-5
