"""Featurizers and fusions that were pickled before products had a scale."""

import base64
import copy
import pickle
import zlib

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.fusion import (
    ConcatFusion,
    ConcatProductFusion,
    InteractionFusion,
    MeanFusion,
    ProductFusion,
)

# pickle.dumps of a list of featurizers of "clipart-tiny", columns 0 and 1, with
# fusion="product", "concat_product", "interaction" and with an object of each class,
# written by the release that had no `block_norm`; compressed.
SAVED = """
eNq9k9trFDEUxrc4s1dbraVS8YbaB32wXvok+7hQKCNLnxckZJLsnrAzyZBkahUEfZEW8mb8fz1zWVoF
n1p2YJjMmXNyvt83Od+j3z/jTn19Ci/9nl1mghpFWCaLAzIX1JVGfhUm+K3Jx+OTo8vAr/DqR/iGNV2h
FlKJ4GOnDYPg+02ZsMEPRJ4KzqVaBN8zYiG1smHqh7nmIiOK5lh2u+pFjXvtpPoS/LAwwhmKO/Lgdzl1
lOm8IGcZse8OU5J+eLtskgqjmbDVdrHM6UKEpOMjJ85cSDb8sA4Ro7XDhO68tNgaNWARL5lDZUqbnGaI
Es59L5fW1iIjRNPYl3JO2iCRiktGES5c+L5WRBiDax+jSIv6B5nGpLqx7ztTKszFcJeLU8lwEdHS4ZYD
lMxkIyOaF4fvkSKljgGxlQh44keqzMlnbZbC2Oo9ZpRB/aV3KkyqbYVYpnCrMR66K8ehf9VoGE5h9I+r
sPk/K+HOFO4mHdhONuDeFHb8FtMVAVk5BbvncL/1BfYu4MEKHB5ewYXHLSc8bengGbyB53i/wHt/DcJH
UjlhKHOVxddQPUbVY1Q9XovqR39NXHNOcfDqJw7Q5knzG46aA9wOXXoNvATxEsRL1oEHE78zqc/TjXPM
kGOGHLM1cWwfXx6vm6OQSCGRQjYU4uAPDZMK6A==
"""
CLASSES = [ProductFusion, ConcatProductFusion, InteractionFusion] * 2
ROWS = [
    (np.full((32, 32, 3), 200, np.uint8), "a grey square"),
    (None, "a cat"),
    (np.eye(32, dtype=np.uint8)[..., None].repeat(3, 2) * 255, None),
    (np.tri(32, dtype=np.uint8)[..., None].repeat(3, 2) * 255, "half of a square"),
]


@pytest.fixture
def saved():
    return pickle.loads(zlib.decompress(base64.b64decode(SAVED)))


@pytest.fixture(scope="module")
def vectors():
    clip = CLIPFeaturizer(
        "clipart-tiny", image=0, text=1, engine="torch", precision="fp32"
    )
    return np.hsplit(clip.fit_transform(ROWS), 2)


def product_before(fusion, image, text):
    """Give the features as the formula was."""
    product = image * text
    if fusion is ProductFusion:
        return product
    if fusion is ConcatProductFusion:
        return np.hstack([image, text, product])
    cosine = product.sum(axis=1, keepdims=True)  # of unit vectors, or of zeros
    return np.hstack([image, text, product, np.abs(image - text), cosine])


@pytest.mark.parametrize("case", range(6))
def test_saved_featurizer_gives_the_features_it_gave(saved, vectors, case):
    clip = saved[case]
    expected = product_before(CLASSES[case], *vectors)
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(clip))))
    # A featurizer works without fit: of a clone, too, a fitted head may be fed.
    for copied in (clip, clone(clip), copy.deepcopy(clip), again, clone(clip).fit([])):
        found = copied.transform(ROWS)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(clip.get_feature_names_out()) == expected.shape[1]


@pytest.mark.parametrize("case", range(6))
def test_saved_featurizer_names_the_fusion_it_has(saved, case):
    parameters = clone(saved[case]).get_params()
    assert type(parameters["fusion"]) is CLASSES[case]
    assert parameters["fusion__block_norm"] is False
    assert "Fusion(block_norm=False)" in repr(saved[case])


@pytest.mark.parametrize("fusion", ["product", "concat_product", "interaction"])
def test_saved_featurizer_takes_the_new_fusion_when_it_is_set(saved, vectors, fusion):
    new = CLIPFeaturizer(
        "clipart-tiny",
        image=0,
        text=1,
        fusion=fusion,
        engine="torch",
        precision="fp32",
    )
    expected = new.transform(ROWS)
    for clip in saved:
        np.testing.assert_array_equal(
            clip.set_params(fusion=fusion).transform(ROWS), expected
        )


@pytest.mark.parametrize(
    "fusion",
    [
        *("concat", "mean", "product", "concat_product", "interaction"),
        *(ConcatFusion(), MeanFusion(0.3), ConcatProductFusion()),
        *(InteractionFusion(), ProductFusion(block_norm=False)),
    ],
)
def test_featurizer_of_today_keeps_its_fusion_in_a_pickle(fusion):
    clip = CLIPFeaturizer("clipart-tiny", image=0, text=1, fusion=fusion)
    for copied in (pickle.loads(pickle.dumps(clip)), copy.copy(clip), clone(clip)):
        assert repr(copied) == repr(clip)
        assert not hasattr(copied, "_block_norm")
        np.testing.assert_array_equal(copied.transform(ROWS), clip.transform(ROWS))


def test_saved_featurizer_without_a_product_keeps_the_string():
    state = CLIPFeaturizer("clipart-tiny", fusion="mean").__getstate__()
    del state["_block_norm"]
    old = CLIPFeaturizer.__new__(CLIPFeaturizer)
    old.__setstate__(state)
    assert old.fusion == "mean"
