"""What a file declares transparent is white, pixel by pixel, at any depth."""

import io
import struct

import numpy as np
import pytest
from handmade import write_png, write_tiff
from PIL import Image
from saved_pictures import encoded, pixels

from sklearn_clip.embedding.images._decoding import image_digest

WHITE = [255, 255, 255]


def pack(rows, depth):
    """Pack samples as PNG does: the first one in the highest bits of a byte."""
    if depth == 16:
        return [np.asarray(row).astype(">u2").tobytes() for row in rows]
    packed = []
    for row in rows:
        bits = "".join(f"{value:0{depth}b}" for value in row)
        bits += "0" * (-len(bits) % 8)
        packed.append(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    return packed


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_transparent_grey_of_any_depth_is_white(depth):
    largest = 2**depth - 1
    values = np.unique(np.linspace(0, largest, 16).astype(int))
    rows = [values, values[::-1]]
    for key in values:
        data = write_png(
            pack(rows, depth), len(values), depth, 0, transparent=struct.pack(">H", key)
        )
        expected = np.array(rows) * 255 // largest
        expected[np.array(rows) == key] = 255
        found = pixels(data)
        assert (found == expected[..., None]).all()
        # The same as a picture in memory, opened, read, and copied. Pillow 10 keeps
        # 16 bits in 32, of which a copy no longer says that they are 16.
        picture = Image.open(io.BytesIO(data))
        assert np.array_equal(pixels(picture), found)
        assert np.array_equal(pixels(picture), found)
        image_digest(picture)
        assert np.array_equal(pixels(picture), found)
        if picture.mode != "I":
            assert np.array_equal(pixels(picture.copy()), found)


def test_dark_page_with_transparent_ground_is_no_black_page():
    ink, ground = 40_000, 0
    rows = np.full((8, 8), ground)
    rows[2:6, 2:6] = ink
    data = write_png(pack(rows, 16), 8, 16, 0, transparent=struct.pack(">H", ground))
    found = pixels(data)
    assert (found[rows == ground] == 255).all() and (found[rows == ink] == 155).all()


def test_grey_that_no_pixel_has_hides_nothing():
    rows = [[0, 100, 200]]
    data = write_png(pack(rows, 8), 3, 8, 0, transparent=struct.pack(">H", 1))
    assert pixels(data)[0, :, 0].tolist() == [0, 100, 200]
    deep = [[256 * 7, 256 * 7 + 3]]  # both 7 once they are of 8 bits
    key = struct.pack(">H", 256 * 7 + 3)
    data = write_png(pack(deep, 16), 2, 16, 0, transparent=key)
    assert pixels(data)[0, :, 0].tolist() == [6, 255]


@pytest.mark.parametrize("depth", [8, 16])
def test_transparent_colour_is_compared_at_its_own_depth(depth):
    scale = 1 if depth == 8 else 256
    low = 0 if depth == 8 else 77
    key = [10 * scale + low, 20 * scale, 30 * scale + low]
    near = [10 * scale + low, 20 * scale + 1, 30 * scale + low]
    far = [200 * scale, 20 * scale, 30 * scale]
    row = [*key, *near, *far, *key]
    data = write_png(
        pack([row], depth), 4, depth, 2, transparent=struct.pack(">3H", *key)
    )
    second = [10, 20 + (depth == 8), 30]
    expected = [[WHITE, second, [200, 20, 30], WHITE]]
    assert pixels(data).tolist() == expected
    assert pixels(Image.open(io.BytesIO(data))).tolist() == expected
    # Once Pillow has read it, colours of 16 bits are told apart by their upper byte.
    picture = Image.open(io.BytesIO(data))
    picture.load()
    assert pixels(picture)[0, [0, 2, 3]].tolist() == [WHITE, [200, 20, 30], WHITE]


def test_transparent_black_of_sixteen_bits_leaves_near_black():
    row = [0, 0, 0, 0, 0, 255, 300, 0, 0]
    data = write_png(pack([row], 16), 3, 16, 2, transparent=bytes(6))
    assert pixels(data).tolist() == [[WHITE, [0, 0, 0], [1, 0, 0]]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palette_entries_have_their_own_alpha(depth):
    count = min(2**depth, 6)
    palette = np.arange(3 * count, dtype=np.uint8).reshape(count, 3) * 9
    alpha = np.array([0, 255, 128, 3, 254, 0][:count])
    rows = [np.arange(count), np.arange(count)[::-1]]
    data = write_png(
        pack(rows, depth),
        count,
        depth,
        3,
        palette=palette.tobytes(),
        transparent=alpha[: count - 1].astype(np.uint8).tobytes(),
    )
    alpha[count - 1] = 255  # entries beyond the list are opaque
    part = alpha[:, None] / 255
    colours = palette * part + 255 * (1 - part)
    assert np.abs(pixels(data) - colours[np.array(rows)]).max() <= 1


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [4, 6])
def test_alpha_channels_of_png_are_composed_over_white(depth, colour):
    channels = {4: 2, 6: 4}[colour]
    rng = np.random.default_rng(0)
    eight = rng.integers(0, 256, (5, 7, channels))
    samples = eight * (257 if depth == 16 else 1)
    data = write_png(pack(samples.reshape(5, -1), depth), 7, depth, colour)
    part = eight[..., -1:] / 255
    expected = eight[..., :-1] * part + 255 * (1 - part)
    assert np.abs(pixels(data) - expected).max() <= 1


def write_gif(page, frame, place, *, transparent=None):
    """Write a GIF of one frame of one colour, 2, anywhere on its page."""
    colours = bytes([250, 0, 0, 0, 250, 0, 0, 0, 250, 9, 9, 9])
    data = b"GIF89a" + struct.pack("<HHBBB", *page, 0b10010001, 1, 0) + colours
    if transparent is not None:
        data += b"!\xf9\4" + struct.pack("<BHBB", 1, 0, transparent, 0)
    data += b"," + struct.pack("<HHHHB", *place, *frame, 0)
    # Codes of three bits: clear, then one per pixel, with a clear before each so that
    # codes never grow; the end.
    codes = [code for _ in range(frame[0] * frame[1]) for code in (4, 2)] + [5]
    bits = "".join(f"{code:03b}" for code in reversed(codes))
    packed = int(bits, 2).to_bytes(-(-len(bits) // 8), "little")
    return data + bytes([2, len(packed)]) + packed + b"\0;"


@pytest.mark.parametrize("transparent", [None, 0, 3])
def test_page_around_the_first_frame_of_a_gif_is_white(transparent):
    data = write_gif((5, 4), (2, 1), (1, 2), transparent=transparent)
    expected = np.full((4, 5, 3), 255)
    expected[2, 1:3] = [0, 0, 250]
    assert np.array_equal(pixels(data), expected)
    picture = Image.open(io.BytesIO(data))
    digest = image_digest(picture)
    assert np.array_equal(pixels(picture), expected)
    whole = write_gif((5, 4), (5, 4), (0, 0), transparent=transparent)
    assert (pixels(whole) == [0, 0, 250]).all()
    assert image_digest(Image.open(io.BytesIO(whole))) != digest


def test_transparent_index_of_a_gif_is_white():
    assert (pixels(write_gif((3, 2), (3, 2), (0, 0), transparent=2)) == 255).all()


def test_default_image_of_an_animation_is_what_viewers_show():
    default, *frames = [
        Image.new("RGBA", (8, 8), colour)
        for colour in ((9, 99, 199, 255), (255, 0, 0, 255), (0, 0, 0, 0))
    ]
    parts = {"save_all": True, "default_image": True, "append_images": frames}
    data = encoded(default, "PNG", **parts)
    assert Image.open(io.BytesIO(data)).default_image
    assert (pixels(data) == [9, 99, 199]).all()


def test_transparent_first_frame_of_a_webp_animation_is_white():
    frames = [Image.new("RGBA", (8, 8), colour) for colour in ("#ff000000", "#00f")]
    parts = {"save_all": True, "append_images": frames[1:]}
    assert (pixels(encoded(frames[0], "WEBP", lossless=True, **parts)) == 255).all()


@pytest.mark.parametrize("kind", [1, 2])
def test_alpha_of_tiff_is_composed_once(kind):
    rng = np.random.default_rng(0)
    plain = rng.integers(0, 256, (6, 5, 4))
    plain[..., 3] = np.where(plain[..., 3] > 100, 255, plain[..., 3] + 60)
    part = plain[..., 3:] / 255
    stored = plain.copy()
    if kind == 1:  # premultiplied
        stored[..., :3] = np.rint(plain[..., :3] * part)
    raw = stored.astype(np.uint8).tobytes()
    data = write_tiff([raw], (5, 6), [8] * 4, 2, t338=(3, (kind,)))
    expected = plain[..., :3] * part + 255 * (1 - part)
    assert np.abs(pixels(data) - expected).max() <= 2


def test_palette_with_alpha_is_composed_over_white():
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 5] = 257 * np.array([255, 18, 0])
    tags = {"t320": (3, tuple(colours.ravel().tolist())), "t338": (3, (2,))}
    data = write_tiff([bytes([5, 255, 5, 0, 5, 51])], (3, 1), [8, 8], 3, **tags)
    expected = [[255, 18, 0], WHITE, [255, 208, 204]]
    assert np.abs(pixels(data)[0] - np.array(expected)).max() <= 1
    picture = Image.open(io.BytesIO(data))
    assert picture.mode == "PA"
    assert np.array_equal(pixels(picture.copy()), pixels(data))


def test_alpha_of_jpeg_2000_is_composed_over_white():
    rng = np.random.default_rng(0)
    plain = rng.integers(0, 256, (32, 32, 4)).astype(np.uint8)
    for picture in (Image.fromarray(plain), Image.fromarray(plain).convert("LA")):
        file = io.BytesIO()
        picture.save(file, "JPEG2000")
        data = np.asarray(picture.convert("RGBA")).astype(float)
        part = data[..., 3:] / 255
        expected = data[..., :3] * part + 255 * (1 - part)
        assert np.abs(pixels(file.getvalue()) - expected).max() <= 1
