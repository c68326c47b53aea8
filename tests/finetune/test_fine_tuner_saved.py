"""Tuned models that are saved, pickled, and used elsewhere."""

import io
import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
from same_model import assert_same_model

from sklearn_clip import (
    ZeroShotClassifier,
)
from sklearn_clip.embedding import load_backbone


def dump(tuner):
    file = io.BytesIO()
    joblib.dump(tuner, file)
    file.seek(0)
    return file


def test_saved_folder_gives_the_same_probabilities(make_tuner, problem, tmp_path):
    X, Y = problem
    tuner = make_tuner().fit(X, Y)
    clip = tuner.featurizer(tmp_path / "tuned", cache=None, precision="fp32")
    assert clip.model_fingerprint_ != load_backbone(tuner.model_name).fingerprint
    assert sorted(os.listdir(tmp_path / "tuned")) == [
        "open_clip_config.json",
        "open_clip_model.safetensors",
    ]
    (tmp_path / "any").write_text("")
    modes = {file.stat().st_mode for file in tmp_path.glob("**/*") if file.is_file()}
    assert len(modes) == 1  # whoever may read any new file may read the model
    cosines = clip.transform(X) @ clip.encode_texts(list(tuner.classes)).T
    expected = 1 / (1 + np.exp(-cosines / tuner.temperature_ - tuner.bias_))
    np.testing.assert_allclose(tuner.predict_proba(X), expected, atol=2e-3)
    zero_shot = ZeroShotClassifier(
        tuner.classes, clip, scoring="sigmoid", templates="none"
    )
    np.testing.assert_allclose(
        zero_shot.fit().predict_proba(X), tuner.predict_proba(X), atol=2e-3
    )
    assert tuner.save_pretrained(tmp_path / "tuned") == clip.model_name
    onward = make_tuner(model_name=clip.model_name, lr=0, logit_lr=0, max_epochs=1)
    onward.set_params(temperature=tuner.temperature_, bias=tuner.bias_).fit(X, Y)
    np.testing.assert_allclose(
        onward.predict_proba(X), tuner.predict_proba(X), atol=1e-5
    )


def test_dump_holds_the_tuned_weights(make_tuner, problem, tmp_path):
    X, Y = problem
    tuner = make_tuner(max_epochs=1).fit(X, Y)
    expected = tuner.predict_proba(X)
    path = tmp_path / "tuner.joblib"
    joblib.dump(tuner, path)
    code = (
        "import sys, joblib, numpy as np\n"
        "tuner = joblib.load(sys.argv[1])\n"
        "X = np.load(sys.argv[2])\n"
        "np.save(sys.argv[2], tuner.predict_proba(X))\n"
    )
    pages = tmp_path / "pages.npy"
    np.save(pages, np.stack([np.asarray(picture) for picture in X]))
    subprocess.run([sys.executable, "-c", code, path, pages], check=True)
    np.testing.assert_allclose(np.load(pages), expected, atol=1e-5)
    loaded = joblib.load(path)
    assert_same_model(tuner, loaded)
    again = joblib.load(path).predict_proba(X, classes=["grey"])
    np.testing.assert_allclose(
        again, tuner.predict_proba(X, classes=["grey"]), atol=1e-5
    )
    assert joblib.hash(tuner) == joblib.hash(loaded)


def test_device_precision_and_threads_may_change_after_a_prediction(
    make_tuner, problem
):
    X, Y = problem
    tuner = make_tuner(max_epochs=1, trainable="projection", precision="fp32")
    tuner.fit(X, Y)
    full = tuner.decision_function(X)
    rounded = tuner.set_params(precision="bf16").decision_function(X)
    assert not np.array_equal(rounded, full)
    expected = joblib.load(dump(tuner)).decision_function(X)
    np.testing.assert_array_equal(rounded, expected)
    np.testing.assert_allclose(rounded, full, atol=0.3)
    tuner.set_params(precision="fp32", num_workers=2)
    np.testing.assert_array_equal(tuner.decision_function(X), full)
    with pytest.raises(ValueError, match="device"):
        tuner.set_params(device="nowhere").decision_function(X)
