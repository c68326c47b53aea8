"""What a file says of itself comes back as it was said."""

import dataclasses
import json
import subprocess
import sys

import pytest

from sklearn_clip.export._description import Description, Probe

SAID = Description(
    version="0.1.0",
    tagger="ZeroShotClassifier(['Äpfel'])",
    label_names=("Äpfel", "猫"),
    response="predict_proba",
    thresholds=(0.25, None),
    rules={"top_k": 2},
    model={"model_name": "m", "pretrained": None, "fingerprint": "ab"},
    modalities=("image",),
    columns={"image": "image", "text": None},
    image_root=None,
    missing="zero",
    on_error="raise",
    long_text="truncate",
    pixels={"size": [8, 8]},
    tokenizer=None,
    context_length=None,
    padding=None,
    weights="float32",
    loss=None,
    probe=Probe(b"\x89PNG\x00", None, (0.5, 0.25)),
)


def test_description_comes_back():
    assert Description.from_json(SAID.to_json()) == SAID


def test_names_that_are_no_text_come_back():
    said = dataclasses.replace(SAID, label_names=("caf\udce9", "\\udce9"))
    text = said.to_json()
    assert text.encode("utf-8") and Description.from_json(text) == said


def test_what_a_later_version_adds_is_left_out():
    said = json.loads(SAID.to_json()) | {"mood": "good"}
    assert Description.from_json(json.dumps(said)) == SAID


@pytest.mark.parametrize(
    "change",
    [
        lambda said: "no json",
        lambda said: "[]",
        lambda said: json.dumps(said | {"format": 2}),
        lambda said: json.dumps({k: v for k, v in said.items() if k != "version"}),
        lambda said: json.dumps(said | {"probe": None}),
        lambda said: json.dumps(said | {"label_names": 3}),
    ],
)
def test_something_else_is_told(change):
    with pytest.raises(ValueError, match="must say of itself what to_onnx"):
        Description.from_json(change(json.loads(SAID.to_json())))


def test_nothing_heavy_is_imported_for_it():
    code = """
import sys
import sklearn_clip.export._description
heavy = {"torch", "onnx", "sklearn", "scipy", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
