"""What an actor does with a batch, without a cluster."""

import numpy as np
import pytest

pytest.importorskip("ray", reason="Ray is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from pyarrow import parquet  # noqa: E402

from sklearn_clip.distributed._batches import (  # noqa: E402
    DropDone,
    FeaturizeBatch,
    row_keys,
)
from sklearn_clip.distributed._output import Description  # noqa: E402

# Ray's settings warn of options that Ray itself sets.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")
DESCRIPTION = Description("features", "failure", "id", "abc", {"fusion": "concat"})


def features_of(table):
    column = table["features"].combine_chunks()
    return column.to_numpy_ndarray()


def make_batch(featurizer, *, kept=None, **sources):
    sources = sources or {"image": "image", "text": "text"}
    return FeaturizeBatch(featurizer, sources, kept, DESCRIPTION, None)


def test_batch_keeps_rows_columns_and_order_and_equals_transform(make_tiny, clipart):
    frame, _ = clipart
    frame = frame.head(12)
    featurizer = make_tiny(on_error="nan")
    out = make_batch(featurizer)(pa.Table.from_pandas(frame))
    assert out.drop_columns(["features", "failure"]).to_pandas().equals(frame)
    expected = featurizer.transform(frame)
    np.testing.assert_allclose(features_of(out), expected, atol=1e-6)
    assert out["features"].type == pa.fixed_shape_tensor(
        pa.float32(), [expected.shape[1]]
    )
    assert out["failure"].null_count == 12
    assert Description.from_schema(out.schema) == DESCRIPTION


def test_batch_renames_columns_and_keeps_the_chosen_ones(make_tiny, clipart):
    frame, _ = clipart
    renamed = frame.head(3).rename(columns={"image": "photo", "text": "title"})
    batch = make_batch(
        make_tiny(on_error="nan"), kept=["sku"], image="photo", text="title"
    )
    out = batch(pa.Table.from_pandas(renamed))
    assert out.column_names == ["sku", "features", "failure"]
    expected = make_tiny().transform(frame.head(3))
    np.testing.assert_allclose(features_of(out), expected, atol=1e-6)


def test_batch_takes_bytes_lists_of_paths_and_missing_cells(make_tiny, clipart):
    paths = clipart[0]["image"].tolist()
    with open(paths[0], "rb") as file:
        encoded = file.read()
    featurizer = make_tiny(text=None, on_error="nan")
    batch = make_batch(featurizer, image="image")
    out = batch(pa.table({"image": pa.array([encoded, None])}))
    expected = featurizer.transform([paths[0], None])
    np.testing.assert_allclose(features_of(out), expected, atol=1e-6)
    out = batch(pa.table({"image": pa.array([paths[:2], [paths[2]], []])}))
    expected = featurizer.transform([{"image": c} for c in (paths[:2], paths[2], [])])
    np.testing.assert_allclose(features_of(out), expected, atol=1e-6)


def test_batch_takes_the_tensors_that_read_images_makes(make_tiny, make_pictures):
    from ray.data.block import BlockAccessor

    arrays = [np.asarray(picture) for picture in make_pictures(3)]
    block = BlockAccessor.batch_to_block({"image": np.stack(arrays)})
    featurizer = make_tiny(text=None, on_error="nan")
    out = make_batch(featurizer, image="image")(block)
    np.testing.assert_allclose(
        features_of(out), featurizer.transform(arrays), atol=1e-6
    )


def test_batch_takes_grey_tensors_beside_colour(make_tiny, make_pictures):
    from ray.data.block import BlockAccessor

    arrays = [np.asarray(picture) for picture in make_pictures(2)]
    arrays.append(arrays[0][..., 0])
    tensors = np.empty(3, object)
    # The shape that read_images gives a grey picture of a mixed folder.
    tensors[:] = [arrays[0], arrays[1], arrays[2][None]]
    block = BlockAccessor.batch_to_block({"image": tensors})
    featurizer = make_tiny(text=None, on_error="nan")
    out = make_batch(featurizer, image="image")(block)
    assert out["failure"].null_count == 3
    np.testing.assert_allclose(
        features_of(out), featurizer.transform(arrays), atol=1e-6
    )


def test_unreadable_image_is_kept_with_its_reason(make_tiny, clipart, tmp_path):
    frame = clipart[0].head(3).copy()
    broken = tmp_path / "broken.webp"
    broken.write_bytes(b"RIFF")
    frame.loc[1, "image"] = str(broken)
    out = make_batch(make_tiny(on_error="nan", fusion="image"), image="image")(
        pa.Table.from_pandas(frame)
    )
    reasons = out["failure"].to_pylist()
    assert [reason is None for reason in reasons] == [True, False, True]
    assert reasons[1] == "it is not an image of a known format"
    assert np.isnan(features_of(out)).all(axis=1).tolist() == [False, True, False]


@pytest.mark.parametrize("on_error, lost", [("nan", np.nan), ("zero", 0.0)])
def test_rows_that_fail_the_call_are_found_and_the_others_embedded(
    make_tiny, clipart, on_error, lost
):
    frame = clipart[0].head(9).copy()
    frame.loc[[2, 7], "text"] = None
    featurizer = make_tiny(on_error=on_error, missing="raise")
    out = make_batch(featurizer)(pa.Table.from_pandas(frame))
    reasons = out["failure"].to_pylist()
    assert [i for i, reason in enumerate(reasons) if reason] == [2, 7]
    assert "No row may lack its text" in reasons[7]
    features, good = features_of(out), np.delete(np.arange(9), [2, 7])
    np.testing.assert_array_equal(features[[2, 7]], lost)
    expected = featurizer.transform(frame.iloc[good])
    np.testing.assert_allclose(features[good], expected, atol=1e-6)


def test_row_keys_tell_ids_apart_and_keep_integers():
    numbers = row_keys(pa.chunked_array([[3, 1], [2]]))
    assert numbers.tolist() == [3, 1, 2]
    texts = row_keys(pa.array(["a", "b", "a", ""]))
    assert texts.dtype.itemsize == 16
    assert texts[0] == texts[2]
    assert len(set(texts.tolist())) == 3
    with pytest.raises(ValueError, match="must have an id in row_id. Got 1 without"):
        row_keys(pa.array([1, None]))


@pytest.mark.parametrize("ids", [[7, 3, 5], ["b", "a", "c"], [0.5, 2.0, 1.0]])
def test_row_keys_of_categories_are_those_of_the_file_they_are_written_to(
    tmp_path, ids
):
    column = pa.array(ids).dictionary_encode()
    parquet.write_table(pa.table({"id": column}), tmp_path / "rows.parquet")
    read = parquet.ParquetFile(tmp_path / "rows.parquet").read().column("id")
    assert row_keys(pa.chunked_array([column])).tolist() == row_keys(read).tolist()
    assert row_keys(column).tolist() == row_keys(pa.array(ids)).tolist()


@pytest.mark.parametrize(
    "before, now", [([1, 2], ["1", "2"]), (["1"], [1]), ([1], [1.0])]
)
def test_ids_that_are_numbers_no_more_are_refused_and_not_done_again(
    cluster, before, now
):
    drop = DropDone(cluster.put(np.sort(row_keys(pa.array(before)))), "sku")
    with pytest.raises(ValueError, match="'sku' must be of the type of the run before"):
        drop(pa.table({"sku": now}))
    assert len(drop(pa.table({"sku": []}))) == 0
    assert len(drop(pa.table({"sku": [*before, before[0] * 7]}))) == 1
