"""Tiles: where they lie, what pixels they have, what they are known by."""

import numpy as np
import pytest
from PIL import Image

from sklearn_clip.embedding.images._tiles import (
    cut_tile,
    part_digests,
    tile_boxes,
    tile_draft_side,
)


@pytest.mark.parametrize(("regions", "n"), [("2x2", 4), ("3x3", 9), ("pyramid", 13)])
def test_tiles_cover_the_picture_and_overlap(regions, n):
    boxes = np.array(tile_boxes(regions))
    assert boxes.shape == (n, 4)
    assert boxes.min() == 0 and boxes.max() == pytest.approx(1)
    places = (np.indices((60, 60)).reshape(2, -1).T + 0.5) / 60  # y, x
    inside = (boxes[:, :2] < places[:, None, ::-1]) & (
        places[:, None, ::-1] < boxes[:, 2:]
    )
    seen = inside.all(axis=2).sum(axis=1)
    assert seen.min() >= 1 and seen.max() > 1


def test_tiles_go_row_by_row():
    boxes = np.array(tile_boxes("3x3"))
    left, top = boxes[:, 0].reshape(3, 3), boxes[:, 1].reshape(3, 3)
    assert (np.diff(left, axis=1) > 0).all() and (np.ptp(left, axis=0) == 0).all()
    assert (np.diff(top, axis=0) > 0).all() and (np.ptp(top, axis=1) == 0).all()


def test_pyramid_is_the_four_and_then_the_nine():
    assert tile_boxes("pyramid") == tile_boxes("2x2") + tile_boxes("3x3")


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 500), (500, 2), (3, 1), (5, 7), (10, 10), (640, 427)]
)
def test_tiles_of_any_picture_have_pixels_and_leave_none_out(size):
    picture = Image.fromarray(
        np.arange(size[0] * size[1], dtype=np.int32).reshape(size[::-1])
    )
    for regions in ("2x2", "3x3"):
        tiles = [cut_tile(picture, box) for box in tile_boxes(regions)]
        assert all(min(tile.size) >= 1 for tile in tiles)
        seen = np.concatenate([np.asarray(tile).ravel() for tile in tiles])
        assert len(np.unique(seen)) == size[0] * size[1]


def test_tile_ends_where_its_box_does():
    # Shares such as 0.4 and 0.6 are a little off in binary, which is no pixel more.
    picture = Image.new("RGB", (100, 40))
    for left, top, right, bottom in tile_boxes("pyramid"):
        tile = cut_tile(picture, (left, top, right, bottom))
        across, down = (right - left) * 100, (bottom - top) * 40
        assert across - 1e-6 <= tile.width < across + 2
        assert down - 1e-6 <= tile.height < down + 2
    assert cut_tile(picture, (0.0, 0.0, 0.1 + 0.2, 0.7)).size == (30, 28)


def test_whole_picture_is_itself():
    picture = Image.new("RGB", (4, 3))
    assert cut_tile(picture, None) is picture


def test_smallest_tile_of_the_smallest_draft_is_as_large_as_a_whole_one():
    side = tile_draft_side(448)
    picture = Image.new("RGB", (side, side))
    sizes = [cut_tile(picture, box).size for box in tile_boxes("pyramid")]
    assert min(map(min, sizes)) >= 448
    assert tile_draft_side(None) is None


def test_digests_tell_contents_and_boxes_apart():
    rng = np.random.default_rng(0)
    digests = rng.integers(0, 256, (5, 16), dtype=np.uint8)
    boxes = (None, *tile_boxes("pyramid"))
    found = part_digests(digests, boxes)
    assert found.shape == (5, 14, 16)
    np.testing.assert_array_equal(found[:, 0], digests)
    assert len(np.unique(found.reshape(-1, 16), axis=0)) == 5 * 14
    np.testing.assert_array_equal(
        part_digests(digests, tile_boxes("2x2")), found[:, 1:5]
    )
