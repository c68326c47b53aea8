"""The pictures and texts on which an engine is tried: many kinds, the same each day."""

import hashlib

import numpy as np
import pytest

from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.engines._trial_items import (
    PARTS,
    varied_pictures,
    varied_texts,
)

pytestmark = pytest.mark.any_processor

N_KINDS = 8


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("size", [(224, 224), (112, 160), (336, 48), (1, 1)])
def test_pictures_have_the_size_of_the_tower(part, size):
    pictures = varied_pictures(3 * N_KINDS, part, size)
    assert pictures.shape == (3 * N_KINDS, *size, 3)
    assert pictures.dtype == np.uint8


@pytest.mark.parametrize("part", PARTS)
def test_first_items_are_the_same_whatever_their_number(part):
    np.testing.assert_array_equal(
        varied_pictures(11, part, (32, 48)), varied_pictures(20, part, (32, 48))[:11]
    )
    assert varied_texts(11, part) == varied_texts(64, part)[:11]
    assert varied_texts(0, part) == []
    assert varied_pictures(0, part, (32, 48)).shape == (0, 32, 48, 3)


@pytest.mark.parametrize("part", PARTS)
def test_no_item_comes_twice(part):
    pictures = varied_pictures(64, part, (64, 64)).reshape(64, -1)
    assert len(np.unique(pictures, axis=0)) == 64
    assert len(set(varied_texts(300, part))) == 300


def test_parts_share_the_white_and_the_black_page_alone():
    first, second = (varied_pictures(64, part, (64, 64)) for part in PARTS)
    shared = [picture for picture in first if (second == picture).all((1, 2, 3)).any()]
    assert sorted(picture.mean() for picture in shared) == [0, 255]
    assert not set(varied_texts(64, PARTS[0])) & set(varied_texts(64, PARTS[1]))


@pytest.mark.parametrize("part", PARTS)
def test_pictures_are_flat_and_busy_light_and_dark_grey_and_coloured(part):
    pictures = varied_pictures(64, part).astype(float)
    contrast = pictures.std(axis=(1, 2)).mean(axis=1)
    light = pictures.mean(axis=(1, 2, 3))
    edges = np.abs(np.diff(pictures, axis=2)).mean(axis=(1, 2, 3))
    colour = np.ptp(pictures, axis=3).mean(axis=(1, 2))
    assert (contrast == 0).sum() == 64 // N_KINDS
    for measure, low, high in [
        (contrast, 20, 60),
        (light, 100, 180),
        (edges, 2, 15),
        (colour, 5, 60),
    ]:
        assert (measure < low).sum() >= 5
        assert (measure > high).sum() >= 5


def test_pictures_are_those_that_were_calibrated_with():
    """Other numbers are another calibration, hence another engine in the store."""
    pictures = varied_pictures(N_KINDS, "calibration", (16, 16))
    assert (pictures[1] == 255).all()
    # Of those that Pillow does not draw, whose edges may move with its version.
    pixels = pictures[[1, 4, 6]].tobytes()
    assert hashlib.blake2b(pixels, digest_size=8).hexdigest() == "98a1d9e7785d62a6"


@pytest.mark.parametrize("part", PARTS)
def test_texts_are_of_all_lengths_and_in_many_scripts(part):
    tokenizer = load_backbone("clipart-tiny", device="cpu").tokenizer
    texts = varied_texts(16, part)
    lengths = (tokenizer(texts, context_length=400) != 0).sum(1)
    assert lengths.min() == 3  # one token between the two that every text has
    assert (lengths > 77).sum() >= 2
    assert len(set(lengths.tolist())) >= 10
    firsts = {ord(text[0]) >> 8 for text in varied_texts(32, part)}
    assert len(firsts) >= 6  # blocks of Unicode


@pytest.mark.parametrize("draw", [varied_pictures, varied_texts])
def test_unknown_part_is_refused(draw):
    with pytest.raises(ValueError, match="not in"):
        draw(3, "training")
