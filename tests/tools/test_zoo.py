"""The run over all models: its small parts, and one small model from end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest

TOOLS = Path(__file__).parents[2] / "tools"
COST = {
    "context": 77,
    "embedding": 512,
    "extra": False,
    "gflops": {"image": 8.8, "text": 6.0},
    "parameters": {"image": 87.8, "text": 63.4},
    "size": 224,
}


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)


def test_every_kind_of_model_is_tried_early():
    import zoo

    names = open_clip.list_models()
    ordered = zoo.in_order(names)
    assert sorted(ordered) == sorted(names)
    kinds = {name.split("-")[0].split("_")[0] for name in names}
    first = {name.split("-")[0].split("_")[0] for name in ordered[: len(kinds) + 2]}
    assert first == kinds
    assert any("SigLIP" in name for name in ordered[:20])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [([], 4), (["ViT-B-32"], 1), (["ViT"], 3), (["RN50", "coca"], 2), (["none"], 0)],
)
def test_models_are_named_or_parts_of_names_are(parts, expected):
    import zoo

    names = ["RN50", "ViT-B-32", "ViT-B-32-quickgelu", "coca_ViT-B-32"]
    assert sum(zoo.is_wanted(name, parts, names) for name in names) == expected


def test_results_of_several_runs_come_together(tmp_path):
    import zoo

    file = tmp_path / "zoo.json"
    assert zoo.read_results(file) == {}
    zoo.add_results(file, {"a": {"cost": {}}})
    zoo.add_results(file, {"b": {"cost": COST}})
    zoo.add_results(file, {"a": {"answers": {"saved": "agrees"}}})
    assert zoo.read_results(file) == {
        "a": {"answers": {"saved": "agrees"}},
        "b": {"cost": COST},
    }
    assert os.listdir(tmp_path) == ["zoo.json"]


@pytest.mark.parametrize("name", open_clip.list_models())
def test_cut_model_keeps_what_its_vectors_come_from(name):
    import zoo_model

    whole = open_clip.get_model_config(name)
    cut = zoo_model.cut_config(whole)
    assert whole == open_clip.get_model_config(name)  # a copy was cut
    for part, cuts in (
        ("vision_cfg", {"layers"}),
        ("text_cfg", {"layers", "vocab_size"}),
    ):
        kept = cut[part].keys() - cuts
        assert {k: cut[part][k] for k in kept} == {k: whole[part][k] for k in kept}
    assert cut["embed_dim"] == whole["embed_dim"]
    tower = whole["text_cfg"].get("hf_model_name")
    assert tower is None or tower in zoo_model.TEXT_TOWERS
    tokenizer = whole["text_cfg"].get("hf_tokenizer_name")
    if tokenizer:
        assert zoo_model.tokenizer_family(tokenizer) in zoo_model.TOKENIZERS


@pytest.mark.parametrize(
    ("repository", "family"),
    [
        ("bert-base-uncased", "bert"),
        ("roberta-base", "xlm"),
        ("xlm-roberta-large", "xlm"),
        ("facebook/xlm-v-base", "xlm"),
        ("google/mt5-base", "mt5"),
        ("facebook/nllb-200-distilled-600M", "nllb"),
        ("timm/ViT-B-16-SigLIP", "siglip"),
        ("timm/ViT-B-16-SigLIP2-512", "gemma"),
        ("timm/ViT-B-16-SigLIP-i18n-256", "mt5"),
    ],
)
def test_tokenizer_is_of_the_family_of_its_repository(repository, family):
    import zoo_model

    assert zoo_model.tokenizer_family(repository) == family


def test_costs_are_counted_without_weights():
    import zoo_cost

    found = zoo_cost.count("ViT-B-32")
    assert found["parameters"] == {"image": 87.8, "text": 63.4}
    # 49 patches and a class token, 12 blocks of width 768 (arXiv:2103.00020): a block
    # multiplies 12 width^2 weights with each token, and 2 n^2 width in its attention.
    products = 12 * (50 * 12 * 768**2 + 2 * 50**2 * 768) + 49 * 32 * 32 * 3 * 768
    assert found["gflops"]["image"] == pytest.approx(2 * products / 1e9, rel=0.01)
    assert (found["size"], found["context"], found["embedding"]) == (224, 77, 512)
    assert not found["extra"]
    without = zoo_cost.count("ViT-B-16-SigLIP2")
    assert without["extra"] and without["context"] == 64


def test_page_says_what_agrees_and_what_differs():
    import zoo_page

    fine = dict.fromkeys(("torch-fp32", "torch-auto", "saved"), "agrees")
    fine |= {"openvino-fp32": "agrees", "onnxruntime-fp32": "agrees, torch: text"}
    odd = fine | {"torch-auto": "images: cosine 0.99712", "saved": "OSError: gone"}
    known = {"torch": "2.14.1", "transformers": None}
    results = {
        "ViT-B-32": {"cost": COST, "answers": fine, "versions": known},
        "odd": {"cost": COST | {"measured": 1.5}, "answers": odd, "versions": known},
        "untried": {"cost": COST | {"extra": True, "size": [224, 448]}},
        "slow": {"answers": {"process": "took more than 9 seconds"}},
    }
    how = {"blocks": 2, "tolerance": 1e-4, "cosines": {"fp32": 0.9999, "auto": 0.999}}
    page = zoo_page.write(results, [*results, "new"], **how)
    rows = {line.split("`")[1]: line for line in page.splitlines() if "| `" in line}
    assert list(rows) == [*results, "new"]
    assert rows["ViT-B-32"] == (
        "| `ViT-B-32` | 224 | 77 | 512 | 87.8 + 63.4 | 8.8 + 6.0 | 1.00 |  | agrees | "
        "agrees | agrees | torch: text | agrees |  |"
    )
    assert "| 1.5 | agrees | differs | agrees | torch: text | differs |" in rows["odd"]
    assert "| 224 x 448 |" in rows["untried"] and rows["untried"].endswith("| [hf] |")
    assert "3 of the 5" in page and "1 of these agree" in page
    assert "with torch 2.14.1." in page.replace("\n", " ")
    assert "- `odd`, torch-auto: images: cosine 0.99712\n" in page
    assert "- `slow`, process: took more than 9 seconds\n" in page
    only = zoo_page.write({"ViT-B-32": results["ViT-B-32"]}, ["ViT-B-32"], **how)
    assert "All of these agree" in only and "## What differs" not in only


def test_least_cosine_is_that_of_the_worst_row():
    import zoo_model

    a = np.array([[1.0, 0.0], [0.0, 2.0]])
    b = np.array([[3.0, 0.0], [1.0, 1.0]])
    assert zoo_model.least_cosine(a, b) == pytest.approx(np.sqrt(0.5))


RUN = """
import json, sys
import open_clip
import zoo_checks, zoo_model
from pathlib import Path

text = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 3}
vision = {"image_size": 32, "layers": 3, "width": 64, "patch_size": 16}
config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
open_clip.factory._MODEL_CONFIGS["small"] = config
folder = Path(sys.argv[1])
file, tag = zoo_model.prepare("small", folder)
zoo_model.leave_random()
(folder / "found").write_text(json.dumps(zoo_checks.check("small", file, tag, folder)))
"""


def test_small_model_agrees_in_all_that_is_asked(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TOOLS), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "found").read_text())
    engines = {k: found.pop(k) for k in list(found) if k.startswith(("onnx", "open"))}
    assert set(found.values()) == {"agrees"} and len(found) == 8
    assert set(engines.values()) <= {"agrees", "agrees, torch: text"}


def test_page_in_the_docs_is_of_the_results():
    import zoo
    import zoo_model
    import zoo_page

    how = {"blocks": zoo_model.BLOCKS, "tolerance": zoo_model.TOLERANCE}
    results, names = zoo.read_results(zoo.RESULTS), open_clip.list_models()
    if not set(results) <= set(names):
        pytest.skip("an older open_clip")
    page = zoo_page.write(
        results,
        names,
        **how,
        cosines=zoo_model.LEAST_COSINE,
    )
    assert zoo.PAGE.read_text(encoding="utf-8") == page


@pytest.mark.parametrize("given", [("1", "1"), ("-1", "2"), ("0", "0")])
def test_a_share_that_is_no_part_is_refused(given):
    command = [sys.executable, str(TOOLS / "zoo.py"), "--share", given[0]]
    done = subprocess.run(
        [*command, "--of", given[1]], capture_output=True, text=True, cwd=TOOLS
    )
    assert done.returncode == 2
    assert "--share must be from 0 to" in done.stderr
