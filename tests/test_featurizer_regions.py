"""CLIPFeaturizer where parts of pictures get vectors of their own."""

import pickle

import numpy as np
import pytest
from extras import require
from featurizer_rows import DIM, TEXTS, to_png
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from sklearn_clip import CLIPFeaturizer, EmbeddingStore, ImageDecodeError
from sklearn_clip.embedding import _regions, decode_image
from sklearn_clip.embedding.images import _decoding
from sklearn_clip.embedding.images._tiles import cut_tile, tile_boxes
from sklearn_clip.fusion import ConcatFusion, ImageFusion, MeanFusion

N_REGIONS = {"2x2": 4, "3x3": 9, "pyramid": 13}
N_PLACES = 16  # of the small model: patches of 16 pixels in pictures of 64


@pytest.mark.parametrize("regions", N_REGIONS)
def test_region_is_what_its_crop_is_as_a_picture(make_featurizer, pictures, regions):
    clip = make_featurizer()
    vectors, boxes = clip.encode_regions(pictures, regions)
    assert vectors.shape == (4, N_REGIONS[regions], DIM)
    assert vectors.dtype == np.float32 and boxes.shape == (N_REGIONS[regions], 4)
    np.testing.assert_array_equal(boxes, tile_boxes(regions))
    for picture, rows in zip(pictures, vectors, strict=True):
        crops = [cut_tile(picture, box) for box in boxes]
        np.testing.assert_allclose(rows, clip.encode_images(crops), atol=1e-6)


def test_regions_of_a_turned_picture_are_of_the_upright_one(make_featurizer, tmp_path):
    rng = np.random.default_rng(3)
    noise = Image.fromarray(rng.integers(0, 256, (30, 50, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    noise.save(tmp_path / "turned.png", exif=exif)
    clip = make_featurizer(regions="2x2")
    upright = Image.fromarray(np.asarray(decode_image(tmp_path / "turned.png")))
    assert upright.size == (30, 50)
    found, _ = clip.encode_regions([tmp_path / "turned.png"])
    expected, _ = clip.encode_regions([upright])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("fusion", ["image", "concat", ImageFusion(), ConcatFusion()])
def test_row_is_global_then_regions_then_text(make_featurizer, pictures, fusion):
    X = list(zip(pictures, TEXTS, strict=True))
    clip = make_featurizer(regions="2x2", fusion=fusion, add_missing_indicator=True)
    rows = clip.transform(X)
    blocks = [
        clip.encode_images(pictures),
        *clip.encode_regions(pictures)[0].swapaxes(0, 1),
    ]
    flags = [np.zeros((4, 1))]
    if fusion in ("concat",) or isinstance(fusion, ConcatFusion):
        blocks.append(clip.encode_texts(TEXTS))
        flags *= 2
    np.testing.assert_allclose(rows, np.hstack(blocks + flags), atol=1e-6)
    assert rows.dtype == np.float32 and rows.flags.c_contiguous


def test_names_of_columns_say_which_region(make_featurizer):
    names = make_featurizer(regions="3x3").get_feature_names_out()
    assert len(names) == len(set(names)) == 11 * DIM
    assert names[0] == "clip_image_0" and names[DIM] == "clip_region1_image_0"
    assert names[10 * DIM - 1] == f"clip_region9_image_{DIM - 1}"
    assert names[10 * DIM] == "clip_text_0"
    flagged = make_featurizer(
        regions="2x2", fusion="image", add_missing_indicator=True
    ).get_feature_names_out()
    assert len(flagged) == 5 * DIM + 1 and flagged[-1] == "clip_image_missing"


def test_frames_come_out_with_names(make_featurizer, pictures):
    clip = make_featurizer(regions="2x2", text=None).set_output(transform="pandas")
    frame = clip.fit_transform(pictures)
    assert frame.shape == (4, 5 * DIM)
    assert list(frame.columns) == list(clip.get_feature_names_out())


def test_tiles_are_kept_by_content_and_box(
    make_featurizer, pictures, tmp_path, count_encoded
):
    store = EmbeddingStore(tmp_path)
    clip = make_featurizer(cache=store, text=None)
    clip.encode_images(pictures)
    clip.encode_regions(pictures, "2x2")
    clip.set_params(regions="pyramid")
    before = count_encoded["image"]
    first = clip.transform(pictures)
    # The whole pictures and the four tiles are there already.
    assert count_encoded["image"] == before + 4 * 9
    # A copy under another name, beside others, in another order.
    pictures[2].save(tmp_path / "again.png")
    again = [p.copy() for p in pictures[::-1]]
    np.testing.assert_array_equal(clip.transform(again), first[::-1])
    assert count_encoded["image"] == before + 4 * 9
    assert clip.cache_info()["items"] == 4 * 14


def test_without_a_store_equal_pictures_are_encoded_once(
    make_featurizer, pictures, count_encoded
):
    clip = make_featurizer(regions="2x2")
    clip.embedding_dim_, clip._backbone(["image"])
    before = count_encoded["image"]
    found, _ = clip.encode_regions([pictures[0], pictures[1], pictures[0].copy()])
    assert count_encoded["image"] - before == 8
    np.testing.assert_array_equal(found[0], found[2])


def test_precompute_leaves_nothing_to_encode(
    make_featurizer, pictures, tmp_path, count_encoded
):
    clip = make_featurizer(cache=str(tmp_path), regions="3x3")
    X = list(zip(pictures, TEXTS, strict=True))
    clip.precompute(X)
    before = dict(count_encoded)
    assert clip.transform(X).shape == (4, 11 * DIM)
    assert count_encoded == before


@pytest.mark.parametrize("batch_size", [1, 3, 5, "auto"])
@pytest.mark.parametrize("num_workers", [1, 4])
def test_pictures_are_decoded_once_for_their_tiles(
    make_featurizer, make_pictures, monkeypatch, batch_size, num_workers
):
    files = [to_png(picture) for picture in make_pictures(7)]
    clip = make_featurizer(
        regions="pyramid", batch_size=batch_size, num_workers=num_workers
    )
    clip._backbone(["image"])
    decoded = []

    def counted(source, *args, **options):
        decoded.append(source)
        return decode_image(source, *args, **options)

    monkeypatch.setattr(_decoding, "decode_image", counted)
    clip.encode_regions(files)
    assert len(decoded) == 7


def test_forward_passes_keep_to_the_batch_size(make_featurizer, pictures, monkeypatch):
    from sklearn_clip.embedding import Backbone

    sizes, encode = [], Backbone.encode_images
    monkeypatch.setattr(
        Backbone,
        "encode_images",
        lambda self, batch: sizes.append(len(batch)) or encode(self, batch),
    )
    clip = make_featurizer(batch_size=3)
    clip._backbone(["image"])
    sizes.clear()
    clip.encode_regions(pictures, "2x2")
    assert max(sizes) == 3 and sum(sizes) == 16


@pytest.mark.parametrize("size", [(1, 1), (2, 500), (500, 2), (3, 3)])
def test_tiny_pictures_have_regions(make_featurizer, size):
    picture = Image.new("RGB", size, "teal")
    clip = make_featurizer(regions="pyramid", text=None)
    rows = clip.transform([picture]).reshape(14, DIM)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    if size == (1, 1):  # every tile is the picture
        np.testing.assert_allclose(rows, np.tile(rows[0], (14, 1)), atol=1e-6)


def test_large_pictures_are_drafted_no_smaller_than_tiles_need(
    make_featurizer, make_pictures, tmp_path, monkeypatch
):
    (picture,) = make_pictures(1, size=(2400, 1800))
    picture.save(tmp_path / "large.jpg", quality=95)
    sizes = []

    def seen(picture, box):
        sizes.append(picture.size)
        return cut_tile(picture, box)

    monkeypatch.setattr("sklearn_clip.embedding.images._tiles.cut_tile", seen)
    clip = make_featurizer()  # takes 64 pixels of a side
    found, _ = clip.encode_regions([tmp_path / "large.jpg"], "3x3")
    (size,) = set(sizes)
    assert 2 * 64 / 0.45 <= min(size) < 1800
    expected, _ = clip.encode_regions([decode_image(tmp_path / "large.jpg")], "3x3")
    assert (found * expected).sum(axis=2).min() > 0.999


def test_cells_of_several_images_are_averaged_region_by_region(
    make_featurizer, pictures
):
    clip = make_featurizer(regions="2x2", text=None)
    a, b = clip.transform(pictures[:2]).reshape(2, 5, DIM)
    mean = (a + b) / np.linalg.norm(a + b, axis=1, keepdims=True)
    (row,) = clip.transform([pictures[:2]])
    np.testing.assert_allclose(row.reshape(5, DIM), mean, atol=1e-6)
    found, _ = clip.encode_regions([pictures[:2]])
    np.testing.assert_allclose(found[0], mean[1:], atol=1e-6)


@pytest.mark.parametrize("on_error", ["zero", "nan"])
def test_missing_and_broken_pictures_lack_all_blocks(
    make_featurizer, pictures, on_error
):
    images = [pictures[0], None, b"no image", [b"no image", pictures[0]]]
    X = [(image, "a text") for image in images]
    clip = make_featurizer(regions="2x2", on_error=on_error, add_missing_indicator=True)
    with pytest.warns(UserWarning, match="2 images could not be read"):
        rows = clip.transform(X)
    blocks, flags = rows[:, : 5 * DIM], rows[:, -2:]
    assert (blocks[1] == 0).all()
    np.testing.assert_array_equal(blocks[2], 0 if on_error == "zero" else np.nan)
    np.testing.assert_allclose(blocks[3], blocks[0], atol=1e-6)
    assert flags.tolist() == [[0, 0], [1, 0], [1, 0], [0, 0]]
    assert [row for row, _, _ in clip.failed_rows_] == [2, 3]
    with pytest.warns(UserWarning, match="2 images could not be read"):
        found, _ = clip.encode_regions(images)
    np.testing.assert_array_equal(found.reshape(4, -1), blocks[:, DIM:])
    assert [row for row, _, _ in clip.failed_rows_] == [2, 3]


def test_missing_and_broken_pictures_raise_on_demand(make_featurizer, pictures):
    clip = make_featurizer(regions="2x2", text=None, missing="raise")
    with pytest.raises(ValueError, match="lack its image .* row 1"):
        clip.encode_regions([pictures[0], None])
    with pytest.raises(ImageDecodeError, match="row 1, <5 bytes>"):
        clip.transform([pictures[0], b"words"])


def test_broken_behind_the_header_is_one_failure(make_featurizer, make_pictures):
    (picture,) = make_pictures(1, size=(200, 200))
    half = to_png(picture)[:-40]
    clip = make_featurizer(regions="pyramid", text=None, on_error="zero")
    with pytest.warns(UserWarning, match="1 image could not be read"):
        rows = clip.transform([half, picture])
    assert (rows[0] == 0).all() and (rows[1] != 0).any()
    assert [row for row, _, _ in clip.failed_rows_] == [0]


def test_file_that_changes_meanwhile_is_not_taken(
    make_featurizer, pictures, tmp_path, monkeypatch
):
    path = tmp_path / "a.png"
    pictures[0].save(path)

    def change(*args, **options):
        picture = decode_image(*args, **options)
        pictures[1].resize((90, 90)).save(path)
        return picture

    monkeypatch.setattr(_decoding, "decode_image", change)
    clip = make_featurizer(regions="2x2", on_error="zero")
    with pytest.warns(UserWarning, match="changed while it was read"):
        assert (clip.encode_regions([path])[0] == 0).all()


@pytest.mark.parametrize(
    "parameters",
    [{"fusion": "mean"}, {"fusion": MeanFusion()}, {"fusion": "text"}, {"image": None}],
)
def test_regions_need_a_fusion_that_keeps_them(make_featurizer, pictures, parameters):
    clip = make_featurizer(regions="2x2", **parameters)
    with pytest.raises(ValueError, match="regions='2x2' needs images and fusion="):
        clip.fit(list(zip(pictures, TEXTS, strict=True)))


@pytest.mark.parametrize("regions", [None, "4x4", 3])
def test_unknown_regions_are_refused(make_featurizer, pictures, regions):
    with pytest.raises(ValueError, match="encode_regions needs one of .* Got"):
        make_featurizer().encode_regions(pictures, regions)


def test_parameter_is_checked(make_featurizer, pictures):
    with pytest.raises(ValueError, match="'regions' parameter"):
        make_featurizer(regions="4x4", text=None).transform(pictures)


@pytest.mark.parametrize("call", ["transform", "precompute", "encode_regions"])
def test_what_does_not_fit_into_memory_is_refused_before_it_is_encoded(
    make_featurizer, pictures, tmp_path, monkeypatch, count_encoded, call
):
    clip = make_featurizer(regions="pyramid", text=None, cache=str(tmp_path))
    clip._backbone(["image"])
    before = dict(count_encoded)
    monkeypatch.setattr(_regions, "_free_memory", lambda: 20_000)
    with pytest.raises(MemoryError, match="Embed fewer rows at once, 1 for example"):
        getattr(clip, call)(pictures)
    assert count_encoded == before
    monkeypatch.setattr(_regions, "_free_memory", lambda: None)  # nobody knows
    getattr(clip, call)(pictures)


def test_free_memory_is_what_the_system_says(tmp_path, monkeypatch):
    free = tmp_path / "meminfo"
    free.write_text("MemTotal: 200 kB\nMemAvailable:   100 kB\n")
    monkeypatch.setattr(_regions, "_FREE", str(free))
    monkeypatch.setattr(_regions, "_LIMIT", str(tmp_path / "max"))
    monkeypatch.setattr(_regions, "_USED", str(tmp_path / "current"))
    monkeypatch.setattr(_regions, "_PARTS", str(tmp_path / "none"))
    assert _regions._free_memory() == 102_400
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "current").write_text("10\n")
    assert _regions._free_memory() == 102_400
    (tmp_path / "max").write_text("50\n")
    assert _regions._free_memory() == 40
    # Files that the system keeps are counted as used, and given up when asked for.
    (tmp_path / "stat").write_text("anon 2\nactive_file 3\ninactive_file 4\nshmem 9\n")
    monkeypatch.setattr(_regions, "_PARTS", str(tmp_path / "stat"))
    assert _regions._free_memory() == 47
    (tmp_path / "current").write_text("60\n")
    assert _regions._free_memory() == 0


def test_saved_before_there_were_regions_loads(make_featurizer, pictures):
    clip = make_featurizer(text=None)
    state = clip.__getstate__()
    del state["regions"]
    old = CLIPFeaturizer.__new__(CLIPFeaturizer)
    old.__setstate__(state)
    assert old.regions is None and clone(old).get_params() == clip.get_params()
    np.testing.assert_array_equal(old.transform(pictures), clip.transform(pictures))


def test_pickle_gives_the_same_rows(make_featurizer, pictures):
    clip = make_featurizer(regions="2x2", text=None)
    rows = clip.transform(pictures)
    loaded = pickle.loads(pickle.dumps(clip))
    np.testing.assert_array_equal(loaded.transform(pictures), rows)


def test_search_over_regions(make_featurizer, make_pictures, tmp_path):
    pictures = make_pictures(12)
    Y = np.tile([[0, 1], [1, 0], [1, 1]], (4, 1))
    pipe = Pipeline(
        [
            ("clip", make_featurizer(text=None, cache=str(tmp_path))),
            ("head", OneVsRestClassifier(LogisticRegression())),
        ]
    )
    grid = {"clip__regions": [None, "2x2", "pyramid"]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(pictures, Y)
    assert search.predict(pictures).shape == (12, 2)
    # Each picture and each of its tiles once, whatever the folds and candidates.
    assert EmbeddingStore(tmp_path).info()["items"] == 12 * 14


def test_no_rows_have_as_many_columns(make_featurizer):
    for regions, n_parts in [("2x2", 5), ("tokens", 1 + N_PLACES)]:
        clip = make_featurizer(regions=regions)
        assert clip.transform([]).shape == (0, (n_parts + 1) * DIM)
        assert clip.encode_regions([])[0].shape == (0, n_parts - 1, DIM)


@pytest.mark.parametrize("fusion", ["image", "concat"])
def test_tokens_stand_behind_the_plain_vector(make_featurizer, pictures, fusion):
    X = list(zip(pictures, TEXTS, strict=True))
    clip = make_featurizer(regions="tokens", fusion=fusion)
    rows = clip.transform(X)
    plain = make_featurizer(fusion=fusion).transform(X)
    np.testing.assert_allclose(rows[:, :DIM], plain[:, :DIM], atol=1e-6)
    places = rows[:, DIM : (1 + N_PLACES) * DIM].reshape(4, N_PLACES, DIM)
    np.testing.assert_allclose(np.linalg.norm(places, axis=2), 1, rtol=1e-5)
    np.testing.assert_array_equal(rows[:, (1 + N_PLACES) * DIM :], plain[:, DIM:])
    found, boxes = clip.encode_regions(pictures)
    np.testing.assert_array_equal(found, places)
    assert boxes.shape == (N_PLACES, 4)
    assert boxes[1].tolist() == [0.25, 0, 0.5, 0.25]
    assert boxes[4].tolist() == [0, 0.25, 0.25, 0.5]
    names = clip.get_feature_names_out()
    assert len(names) == rows.shape[1] == len(set(names))
    assert names[N_PLACES * DIM] == f"clip_region{N_PLACES}_image_0"


def test_tokens_are_asked_for_by_the_call_too(make_featurizer, pictures):
    clip = make_featurizer()
    found, boxes = clip.encode_regions(pictures, "tokens")
    assert found.shape == (4, N_PLACES, DIM) and len(boxes) == N_PLACES
    # Whatever was asked before, the plain vectors and the record are the same.
    loaded = pickle.loads(pickle.dumps(clip))
    np.testing.assert_allclose(
        loaded.encode_images(pictures), make_featurizer().encode_images(pictures)
    )
    np.testing.assert_array_equal(loaded.encode_regions(pictures, "tokens")[0], found)


def test_tokens_come_out_of_a_store_as_they_went_in(
    make_featurizer, pictures, tmp_path, count_encoded
):
    clip = make_featurizer(regions="tokens", cache=str(tmp_path))
    X = list(zip(pictures, TEXTS, strict=True))
    first = clip.transform(X)
    before = dict(count_encoded)
    np.testing.assert_array_equal(clip.transform(X[::-1]), first[::-1])
    clip.encode_texts(TEXTS)  # those of any model of this name
    make_featurizer(cache=str(tmp_path)).encode_texts(TEXTS)
    assert count_encoded["text"] == before["text"]
    # One pass for each picture, and half the bytes for what is not the whole.
    info = clip.cache_info()
    assert info["items"] == 8
    assert info["bytes"] == 4 * 4 * (DIM + 1 + N_PLACES * DIM // 2) + 4 * 4 * DIM
    without = make_featurizer(regions="tokens").transform(X)
    np.testing.assert_array_equal(without, first)


@pytest.mark.parametrize("on_error", ["zero", "nan"])
def test_missing_and_broken_pictures_lack_all_tokens(
    make_featurizer, pictures, on_error
):
    clip = make_featurizer(regions="tokens", text=None, on_error=on_error)
    with pytest.warns(UserWarning, match="1 image could not be read"):
        rows = clip.transform([None, b"no image", pictures[:2]])
    assert (rows[0] == 0).all()
    np.testing.assert_array_equal(rows[1], 0 if on_error == "zero" else np.nan)
    blocks = clip.transform(pictures[:2]).reshape(2, 1 + N_PLACES, DIM)
    mean = blocks.sum(axis=0)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(rows[2].reshape(-1, DIM), mean, atol=1e-6)


@pytest.mark.parametrize("regions", ["2x2", "tokens"])
def test_raw_rows_are_what_the_model_gives(make_featurizer, pictures, regions):
    raw = make_featurizer(regions=regions, text=None, normalize=False)
    rows = raw.transform(pictures)
    unit = make_featurizer(regions=regions, text=None).transform(pictures)
    blocks = rows.reshape(4, -1, DIM)
    norms = np.linalg.norm(blocks, axis=2, keepdims=True)
    assert np.abs(norms - 1).max() > 0.01
    np.testing.assert_allclose((blocks / norms).reshape(4, -1), unit, atol=1e-5)
    found, _ = raw.encode_regions(pictures)
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, rtol=1e-5)


def test_tiles_of_penultimate_features_are_tiles_of_theirs(make_featurizer, pictures):
    clip = make_featurizer(features="penultimate", regions="2x2")
    rows = clip.transform(list(zip(pictures, TEXTS, strict=True)))
    assert rows.shape[1] == len(clip.get_feature_names_out())
    crops = [cut_tile(pictures[0], box) for box in tile_boxes("2x2")]
    found, _ = clip.encode_regions(pictures)
    np.testing.assert_allclose(found[0], clip.encode_images(crops), atol=1e-6)


def test_tokens_are_of_the_shared_space_alone(make_featurizer, pictures):
    clip = make_featurizer(features="penultimate", text=None)
    with pytest.raises(ValueError, match="need features='embedding'. Got"):
        clip.encode_regions(pictures, "tokens")
    with pytest.raises(ValueError, match="need features='embedding'. Got"):
        clip.set_params(regions="tokens").transform(pictures)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("regions", ["2x2", "tokens"])
def test_regions_by_other_engines(model_folder, pictures, engine, regions):
    require(engine)
    own = {"regions": regions, "text": None, "precision": "fp32", "cache": None}
    expected = CLIPFeaturizer(model_folder, engine="torch", **own).transform(pictures)
    clip = CLIPFeaturizer(model_folder, engine=engine, **own)
    np.testing.assert_allclose(clip.transform(pictures), expected, rtol=1e-3, atol=2e-4)
    assert clip.arithmetic_["image"].startswith(engine)


def test_regions_have_no_place_in_a_file(make_featurizer, pictures, tmp_path):
    require("onnx")
    from sklearn_clip.export import to_onnx

    Y = np.array([[0, 1], [1, 0], [1, 1], [0, 1]])
    pipe = Pipeline(
        [
            ("clip", make_featurizer(regions="2x2", text=None)),
            ("head", OneVsRestClassifier(LogisticRegression())),
        ]
    ).fit(pictures, Y)
    with pytest.raises(ValueError, match="regions='2x2' has no place in a file"):
        to_onnx(pipe, tmp_path / "tagger.onnx")


@pytest.mark.parametrize("regions", ["pyramid", "tokens"])
def test_picture_that_is_read_with_a_warning_is_told_of_once(
    make_featurizer, pictures, monkeypatch, regions
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    clip = make_featurizer(regions=regions, text=None)
    with pytest.warns(Image.DecompressionBombWarning) as caught:
        clip.transform([to_png(pictures[0]), Image.new("RGB", (9, 9))])
    assert [str(w.message)[:34] for w in caught] == [
        "1 image was read with a warning (f"
    ]
    assert "(and" not in str(caught[0].message)
