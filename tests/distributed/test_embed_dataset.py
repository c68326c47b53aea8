"""embed_dataset on a local cluster of several actors."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
from pyarrow import parquet  # noqa: E402

from sklearn_clip import ModelMismatchError  # noqa: E402
from sklearn_clip.distributed import embed_dataset, read_features  # noqa: E402

# Ray's settings warn of options that Ray itself sets.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")


def in_order(frame):
    return frame.sort_values("sku").reset_index(drop=True)


def note_calls(folder, *, kill_at=None, fail_after=None):
    """Make a fusion that notes its process and rows, and may kill its process once.

    Nested, so that it travels to the actors by value.
    """
    folder.mkdir(exist_ok=True)

    def fuse(image, text):
        if len(image):  # not at the loading of the model
            number = len(list(folder.iterdir()))
            if kill_at is not None and number >= kill_at:
                try:
                    (folder / "killed").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
                except FileExistsError:
                    pass
            if fail_after is not None and number >= 4:
                deadline = time.monotonic() + 600
                while len(list(fail_after.glob("*.parquet"))) < 2:
                    assert time.monotonic() < deadline, "Ray has written nothing yet"
                    time.sleep(0.05)
                time.sleep(0.5)  # the second file may be in the making
                raise RuntimeError("the power is gone")
            (folder / f"{os.getpid()}-{time.time_ns()}").write_text(str(len(image)))
        return np.hstack([image, text])

    return fuse


def rows_noted(folder):
    return sum(
        int(f.read_text(encoding="utf-8"))
        for f in folder.iterdir()
        if f.name != "killed"
    )


def test_two_actors_of_which_one_is_killed_give_what_transform_gives(
    make_tiny, clipart, to_dataset, tmp_path
):
    frame, notes = clipart[0].copy(), tmp_path / "notes"
    frame.loc[7, "image"] = "no-such-file.webp"
    # Of torch, as on a GPU; other tests take an engine that starts sooner.
    featurizer = make_tiny(engine="torch", fusion=note_calls(notes, kill_at=3))
    embed_dataset(
        to_dataset(frame),
        featurizer,
        path=tmp_path / "features",
        row_id="sku",
        concurrency=2,
        batch_size=8,
        rows_per_file=16,
    )
    assert (notes / "killed").exists()
    assert len({note.name.partition("-")[0] for note in notes.glob("*-*")}) >= 2
    table = read_features(tmp_path / "features")  # refuses doubled ids
    frame = in_order(frame)
    with pytest.warns(UserWarning, match="1 image could not be read"):
        expected = make_tiny(on_error="nan").transform(frame)
    np.testing.assert_allclose(table.features, expected, atol=1e-5)
    pd.testing.assert_frame_equal(table.frame[frame.columns], frame, check_dtype=False)
    lost = frame["image"] == "no-such-file.webp"
    np.testing.assert_array_equal(table.failed, lost)
    assert table.frame.loc[lost, "failure"].item() == "the file does not exist"
    assert featurizer.on_error == "raise"
    assert table.fingerprint == featurizer.model_fingerprint_


def test_second_run_does_only_what_is_missing(make_tiny, clipart, to_dataset, tmp_path):
    output, first, second = (tmp_path / n for n in ("features", "first", "second"))
    options = {"path": output, "row_id": "sku", "batch_size": 8, "rows_per_file": 8}
    dataset = to_dataset(clipart[0])
    with pytest.raises(Exception, match="the power is gone"):
        fusion = note_calls(first, fail_after=output)
        embed_dataset(dataset, make_tiny(fusion=fusion), **options)
    files = sorted(output.glob("*.parquet"))
    half = files[0].read_bytes()
    lost = parquet.read_metadata(files[0]).num_rows
    files[0].write_bytes(half[: len(half) // 2])
    done = sum(parquet.read_metadata(file).num_rows for file in files[1:])
    again = make_tiny(fusion=note_calls(second))
    with pytest.warns(UserWarning, match="1 half-written file of an earlier run"):
        embed_dataset(dataset, again, **options)
    assert 0 < lost < rows_noted(second) == len(clipart[0]) - done
    table = read_features(output)
    frame = in_order(clipart[0])
    assert table.ids.tolist() == frame["sku"].tolist()
    np.testing.assert_allclose(table.features, make_tiny().transform(frame), atol=1e-5)


def test_dataset_without_path_is_lazy(make_tiny, clipart, to_dataset, tmp_path):
    fusion = note_calls(tmp_path / "notes")
    dataset = embed_dataset(to_dataset(clipart[0]), make_tiny(fusion=fusion))
    assert type(dataset).__name__ == "Dataset"
    assert "FeaturizeBatch" in repr(dataset)
    assert rows_noted(tmp_path / "notes") == 0


def test_images_in_a_folder_and_in_parquet_come_out_as_rows(
    make_tiny, clipart, cluster, tmp_path
):
    paths = clipart[0]["image"].tolist()[:6]
    encoded = [Path(path).read_bytes() for path in paths[3:]]
    rows = pd.DataFrame({"bytes": encoded, "path": paths[3:]})
    folder = tmp_path / "rows"  # several files, row groups and blocks
    folder.mkdir()
    for name, part in (("a", rows[:2]), ("b", rows[2:])):
        part.to_parquet(folder / f"{name}.parquet", index=False, row_group_size=1)
    files = cluster.data.read_binary_files(paths[:3], include_paths=True)
    table = cluster.data.read_parquet(str(folder), override_num_blocks=3)
    featurizer = make_tiny(text=None)
    out = embed_dataset(
        files.union(table), featurizer, image="bytes", keep=["path"]
    ).to_pandas()
    assert sorted(out.columns) == ["failure", "features", "path"]
    assert sorted(out["path"]) == sorted(paths)
    assert out["failure"].isna().all()
    expected = featurizer.transform(out["path"].tolist())
    np.testing.assert_allclose(np.stack(out["features"]), expected, atol=1e-5)


def write_small(frame, make_tiny, folder, **changes):
    """Write features without a cluster, as an actor and Ray would."""
    import pyarrow as pa

    from sklearn_clip.distributed._batches import FeaturizeBatch
    from sklearn_clip.distributed._output import Description, describe_parameters

    featurizer = make_tiny(on_error="nan")
    sources = {"image": "image", "text": "text"}
    fields = {
        "features": "features",
        "failure": "failure",
        "row_id": "sku",
        "fingerprint": featurizer.model_fingerprint_,
        "parameters": describe_parameters(featurizer, sources),
    }
    batch = FeaturizeBatch(
        featurizer, sources, None, Description(**fields | changes), None
    )
    folder.mkdir()
    out = batch(pa.Table.from_pandas(frame, preserve_index=False))
    parquet.write_table(out, folder / "a.parquet")


def test_output_of_another_model_or_other_parameters_is_refused(
    make_tiny, clipart, to_dataset, tmp_path
):
    frame = clipart[0].head(4)
    dataset = to_dataset(frame, 1)
    write_small(frame, make_tiny, tmp_path / "other", fingerprint="0123")
    with pytest.raises(ModelMismatchError, match="features of other weights"):
        embed_dataset(dataset, make_tiny(), path=tmp_path / "other", row_id="sku")
    write_small(frame, make_tiny, tmp_path / "same")
    with pytest.raises(ValueError, match="must have the parameters of the one before"):
        embed_dataset(
            dataset, make_tiny(fusion="mean"), path=tmp_path / "same", row_id="sku"
        )
    for other in ({"on_error": "zero"}, {"image_root": tmp_path}):
        with pytest.raises(ValueError, match="must have the parameters of the one"):
            embed_dataset(
                dataset, make_tiny(**other), path=tmp_path / "same", row_id="sku"
            )
    (tmp_path / "foreign").mkdir()
    frame.to_parquet(tmp_path / "foreign" / "a.parquet")
    with pytest.raises(ValueError, match="which something else has written"):
        embed_dataset(dataset, make_tiny(), path=tmp_path / "foreign", row_id="sku")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"path": "out"}, "row_id must name a column"),
        ({"image": "photo"}, "must have the column 'photo'"),
        ({"row_id": "ean"}, "must have the column 'ean'"),
        ({"keep": ["price"]}, "must have the column 'price'"),
        ({"features": "text"}, "column 'text' to be added must be a new one"),
        ({"failure": "features"}, "'features' to be added must be a new one"),
        ({"batch_size": 0}, "batch_size must be a positive integer. Got 0"),
        ({"rows_per_file": 1.5}, "rows_per_file must be a positive integer"),
        ({"num_gpus": -1}, "num_gpus must be a number of at least 0"),
    ],
)
def test_wrong_options_are_refused_before_any_work(
    make_tiny, clipart, to_dataset, options, message
):
    dataset = to_dataset(clipart[0].head(2), 1)
    with pytest.raises(ValueError, match=message):
        embed_dataset(dataset, make_tiny(), **options)


@pytest.mark.parametrize(
    "parameters, options, message",
    [
        ({"image": None}, {"image": "photo"}, "image=None.* Got image='photo'"),
        ({"text": None}, {"text": "title"}, "text=None.* Got text='title'"),
        (
            {"fusion": lambda image, text: image},
            {"path": "out", "row_id": "sku"},
            "a function that is defined with def",
        ),
    ],
)
def test_options_that_the_featurizer_cannot_follow_are_refused(
    make_tiny, clipart, to_dataset, parameters, options, message
):
    dataset = to_dataset(clipart[0].head(2), 1)
    with pytest.raises(ValueError, match=message):
        embed_dataset(dataset, make_tiny(**parameters), **options)


def test_dataset_of_another_type_is_refused(make_tiny, clipart):
    with pytest.raises(TypeError, match=r"ray.data.Dataset. Got DataFrame"):
        embed_dataset(clipart[0], make_tiny())


def test_actors_that_take_all_cores_warn(make_tiny, clipart, to_dataset):
    dataset = to_dataset(clipart[0].head(2), 1)
    with pytest.warns(UserWarning, match="2 actors of 2 cores leave none"):
        embed_dataset(dataset, make_tiny(), concurrency=(1, 2), num_cpus=2)


def test_missing_ray_names_the_extra(make_tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(ImportError, match=r"sklearn-clip\[ray\]"):
        embed_dataset(None, make_tiny())
