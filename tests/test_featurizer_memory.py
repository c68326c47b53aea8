"""CLIPFeaturizer: what it keeps: models, embeddings, and itself in files."""

import gc
import json
import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import skops.io
from featurizer_rows import DIM, TEXTS, to_png
from joblib import Parallel, delayed
from PIL import Image, ImageFile
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    EmbeddingStore,
    ImageDecodeError,
    ModelMismatchError,
)
from sklearn_clip.embedding import Backbone, load_backbone
from sklearn_clip.fusion import MeanFusion


def test_file_changed_under_its_name_gives_its_new_vector(
    make_featurizer, pictures, tmp_path
):
    clip = make_featurizer(text=None, cache=tmp_path / "store")
    path = tmp_path / "a.png"
    for picture in pictures[:2]:
        picture.save(path)
        expected = clip.transform([to_png(picture)])
        np.testing.assert_array_equal(clip.transform([path]), expected)


def test_nothing_is_loaded_before_the_first_transform():
    clip = CLIPFeaturizer("local-dir:/nowhere")
    again = clone(clip).set_params(fusion="image", device="cuda", batch_size=7)
    assert again.get_params()["batch_size"] == 7
    assert again.fit([{"image": "gone.png"}]) is again
    assert "CLIPFeaturizer" in again._repr_html_()
    assert "model_fingerprint_" not in dir(again) and "transform" in dir(again)
    assert pickle.loads(pickle.dumps(again)).device == "cuda"


def test_search_encodes_every_distinct_item_once(
    make_featurizer, make_pictures, count_encoded, tmp_path
):
    pictures = make_pictures(50)
    pictures += pictures[:10]  # 60 rows: 50 distinct pictures, 20 distinct texts
    X = [(p, f"thing {i % 20}") for i, p in enumerate(pictures)]
    y = np.arange(60) % 2
    clip = make_featurizer(cache=tmp_path)
    load_backbone(clip.model_name).probe()
    count_encoded.update(image=0, text=0)
    pipe = Pipeline([("clip", clip), ("head", LogisticRegression())])
    grid = {"clip__fusion": ["concat", "image", "product"], "head__C": [0.1, 10]}
    search = GridSearchCV(pipe, grid, cv=5, error_score="raise").fit(X, y)
    search.predict(X)
    clone(clip).set_params(fusion="interaction").transform(X[::-1])
    assert count_encoded == {"image": 50, "text": 20}
    info = clip.cache_info()
    assert (info["items"], info["misses"]) == (70, 70) and info["hits"] > 0
    make_featurizer(cache=None).transform(X[:5])
    assert count_encoded == {"image": 55, "text": 25}


def test_store_object_counts_for_all_clones(make_featurizer, pictures, tmp_path):
    store = EmbeddingStore(tmp_path)
    clip = make_featurizer(cache=store, text=None)
    for _ in range(3):
        clone(clip).fit_transform(pictures)
    assert store.info()["misses"] == 4 and store.info()["hits"] == 8


def test_cache_info_without_a_store_is_empty(make_featurizer):
    clip = make_featurizer()
    assert clip.cache_info() == {"items": 0, "bytes": 0, "hits": 0, "misses": 0}
    with pytest.raises(ValueError, match="precompute needs a store. Got cache=None"):
        clip.precompute([])


def misses_of_worker(clip, X):
    features = clip.transform(X)
    return os.getpid(), clip.cache_info()["misses"], features


@pytest.mark.any_processor
def test_workers_encode_nothing_that_was_precomputed(
    make_featurizer, make_pictures, shared_precision
):
    X = [(p, f"thing {i}") for i, p in enumerate(make_pictures(12, seed=5))]
    clip = make_featurizer(
        cache="auto", fusion="interaction", precision=shared_precision
    ).precompute(X)
    expected = clip.transform(X)
    answers = Parallel(n_jobs=2)(
        delayed(misses_of_worker)(clip, X[start : start + 3]) for start in (0, 3, 6, 9)
    )
    assert os.getpid() not in {pid for pid, _, _ in answers}
    assert [misses for _, misses, _ in answers] == [0] * 4
    np.testing.assert_allclose(np.vstack([f for *_, f in answers]), expected, atol=1e-6)


def test_two_models_in_one_store_do_not_share(
    make_featurizer, write_model, pictures, tmp_path
):
    other = write_model(tmp_path / "other", seed=11)
    a = make_featurizer(cache=tmp_path / "store", text=None)
    b = make_featurizer(model_name=other, cache=tmp_path / "store", text=None)
    va, vb = a.transform(pictures), b.transform(pictures)
    assert a.cache_info()["items"] == 8
    assert not np.allclose(va, vb, atol=1e-2)
    np.testing.assert_array_equal(va, a.transform(pictures))


def test_weights_written_anew_are_loaded_anew_and_not_mixed(
    make_featurizer, write_model, pictures, tmp_path
):
    name = write_model(tmp_path / "m", seed=1)
    old = make_featurizer(model_name=name, cache=tmp_path / "store", text=None)
    before = old.fit_transform(pictures)
    write_model(tmp_path / "m", seed=2)
    with pytest.raises(ModelMismatchError, match="saved with other weights"):
        old.transform(pictures)
    new = clone(old)
    after = new.fit_transform(pictures)
    assert new.model_fingerprint_ != old.model_fingerprint_
    assert not np.allclose(before, after, atol=1e-2)
    fresh = make_featurizer(model_name=name, text=None).transform(pictures)
    np.testing.assert_allclose(after, fresh, atol=1e-6)
    np.testing.assert_array_equal(old.fit_transform(pictures), after)  # fit again


def test_clones_have_one_model_in_memory(
    make_featurizer, write_model, pictures, tmp_path
):
    name = write_model(tmp_path / "m", seed=77)
    clips = [make_featurizer(model_name=name, text=None) for _ in range(2)]
    clips += [clone(clips[0])]
    for clip in clips:
        clip.transform(pictures)
    models = [thing for thing in gc.get_objects() if type(thing) is Backbone]
    found = [m for m in models if m.fingerprint == clips[0].model_fingerprint_]
    assert len(found) == 1


def test_names_of_columns_need_no_weights():
    clip = CLIPFeaturizer("ViT-B-32", "datacomp_xl_s13b_b90k")
    assert clip.embedding_dim_ == 512
    assert clip.get_feature_names_out()[-1] == "clip_text_511"


def test_model_attributes_are_known_without_transform(make_featurizer):
    clip = make_featurizer()
    assert clip.embedding_dim_ == DIM
    assert clip.model_fingerprint_ == load_backbone(clip.model_name).fingerprint


def test_attributes_follow_a_new_model_name(make_featurizer, write_model, tmp_path):
    clip = make_featurizer()
    first = clip.model_fingerprint_
    clip.set_params(model_name=write_model(tmp_path / "m", seed=9))
    assert clip.model_fingerprint_ != first


ELSEWHERE = """
import sys, json, joblib, numpy as np
from PIL import Image
clip = joblib.load(sys.argv[1])
known = clip.model_fingerprint_, clip.embedding_dim_
import sklearn_clip.embedding.backbone._loading as loading
assert not loading._loaded  # both are known from the file
pictures = [np.load(sys.argv[2])[i] for i in range(4)]
np.save(sys.argv[3], clip.transform(pictures))
print(json.dumps([*known, clip.cache_info()["misses"]]))
"""


@pytest.mark.any_processor
def test_saved_featurizer_and_folder_store_serve_another_process(
    make_featurizer, pictures, tmp_path, shared_precision
):
    arrays = np.stack([np.asarray(picture) for picture in pictures])
    clip = make_featurizer(
        text=None, cache=tmp_path / "store", precision=shared_precision
    )
    expected = clip.fit_transform(list(arrays))
    np.save(tmp_path / "X.npy", arrays)
    joblib.dump(clip, tmp_path / "clip.joblib")
    assert (tmp_path / "clip.joblib").stat().st_size < 10_000
    files = [str(tmp_path / name) for name in ("clip.joblib", "X.npy", "out.npy")]
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [clip.model_fingerprint_, DIM, 0]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)


def test_other_weights_or_preprocessing_at_load_are_a_mismatch(
    make_featurizer, write_model, pictures, tmp_path
):
    name = write_model(tmp_path / "m", seed=1)
    clip = make_featurizer(model_name=name, text=None)
    expected = clip.transform(pictures)
    saved = pickle.dumps(clip)
    write_model(tmp_path / "m", seed=1, mean=-9.0)
    with pytest.raises(ModelMismatchError, match="Look for other preprocessing"):
        pickle.loads(saved).transform(pictures)
    write_model(tmp_path / "m", seed=2)
    with pytest.raises(ModelMismatchError, match="bring back the weights"):
        pickle.loads(saved).transform(pictures)
    write_model(tmp_path / "m", seed=1)
    again = pickle.loads(saved)
    np.testing.assert_allclose(again.transform(pictures), expected, atol=1e-6)


HASH = """
import sys, joblib
from sklearn_clip import CLIPFeaturizer
print(joblib.hash(CLIPFeaturizer(sys.argv[1]).set_params(text=None)))
"""


@pytest.mark.any_processor
def test_hash_for_joblib_memory_is_the_same_in_every_session(model_folder):
    command = [sys.executable, "-c", HASH, model_folder]
    hashes = {
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(hashes) == 1


@pytest.mark.parametrize("fusion", ["concat", MeanFusion(0.3)])
def test_skops_saves_and_loads_with_the_named_types_trusted(
    make_featurizer, pictures, fusion
):
    X = list(zip(pictures, TEXTS, strict=True))
    clip = make_featurizer(fusion=fusion, cache="auto")
    expected = clip.fit_transform(X)
    data = skops.io.dumps(clip)
    assert len(data) < 20_000
    trusted = ["sklearn_clip._featurizer.CLIPFeaturizer"]
    if fusion != "concat":
        trusted.append("sklearn_clip.fusion._fusions.MeanFusion")
    assert sorted(skops.io.get_untrusted_types(data=data)) == sorted(trusted)
    loaded = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(loaded.transform(X), expected)
    assert loaded.model_fingerprint_ == clip.model_fingerprint_


def test_file_rewritten_with_its_old_times_gives_the_new_vector(
    make_featurizer, tmp_path
):
    path = tmp_path / "square.bmp"
    Image.new("RGB", (9, 9), "red").save(path)
    before, clip = path.stat(), make_featurizer(text=None, fusion="image")
    red = clip.transform([path])
    Image.new("RGB", (9, 9), "blue").save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert np.abs(clip.transform([path]) - red).max() > 1e-3


def test_vector_of_a_truncated_file_is_for_those_who_accept_such(
    make_featurizer, tmp_path, monkeypatch
):
    path = tmp_path / "square.jpg"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-400])
    clip = make_featurizer(text=None, fusion="image", cache=tmp_path / "store")
    with monkeypatch.context() as lenient:
        lenient.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        assert clip.transform([path]).any()
    with pytest.raises(ImageDecodeError, match="truncated"):
        clip.transform([path])


def test_featurizer_saved_before_there_were_engines_keeps_the_one_it_had(
    make_featurizer, pictures
):
    clip = make_featurizer(text=None)
    expected = clip.transform(pictures)
    state = clip.__getstate__()
    del state["engine"]
    old = CLIPFeaturizer.__new__(CLIPFeaturizer)
    old.__setstate__(state)
    assert old.get_params()["engine"] == clone(old).engine == "torch"
    np.testing.assert_array_equal(old.transform(pictures), expected)
