"""Places of image towers of every kind, beside the whole picture, of one pass."""

import numpy as np
import pytest
import torch
from test_outputs import IMAGES, RESNET, VIT, Own, first, make_model, of_timm

from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone._outputs import view_output
from sklearn_clip.embedding.backbone._places import read_grid, view_tokens

pytestmark = pytest.mark.any_processor

__all__ = ["make_model"]  # a fixture

WITHOUT_PLACES = {
    "NaFlex": "TimmModel of NaFlexVit",
    "attention": "TimmModel of ResNet",
    "rotary attention": "TimmModel of ResNet",
    "attention, then a layer": "TimmModel of ResNet",
}
GRIDS = {
    "SigLIP": (14, 14),
    "EVA": (16, 16),
    "PE": (24, 24),
    "MobileCLIP-B": (14, 14),
    "MobileCLIP-S": (8, 8),
    "Swin": (7, 7),
    "ViTamin": (14, 14),
}  # the others: (2, 2)
# What they end in is the mean of the places, and then a linear layer.
LINEAR = ["MobileCLIP-S", "Swin", "EfficientNet", "ResNet of timm"]
# Transformers whose places are not read by attention: of one layer, which is the last.
UNMIXED = ["ViT", "ViT, wide as its embedding", "CLIPA", "EVA", "MobileCLIP-B"]


@pytest.fixture
def make_tower(make_model):
    """Make a model of a kind, its side in pixels and the length of an embedding."""

    def make(kind):
        (vision, cut), _, _ = IMAGES[kind]
        dim = 768 if kind == "SigLIP" else 16
        return make_model(vision, cut, dim=dim), vision["image_size"], dim

    return make


def see(view, pixels, dim):
    """Return the whole and the places."""
    found = first(view.encode_image(pixels)).unflatten(1, (-1, dim))
    return found[:, 0], found[:, 1:]


@pytest.mark.parametrize("kind", sorted(IMAGES.keys() - WITHOUT_PLACES))
def test_tower_gives_the_whole_and_its_places(make_tower, kind):
    model, size, dim = make_tower(kind)
    model.double()  # float32 rounds by other amounts in batches of other sizes
    view = view_output(model, "image", "tokens")
    pixels = torch.rand(2, 3, size, size, dtype=torch.float64)
    embedding = first(model.encode_image(pixels))
    whole, places = see(view, pixels, dim)
    torch.testing.assert_close(whole, embedding)
    grid = GRIDS.get(kind, (2, 2))
    assert read_grid(view, (size, size)) == grid
    assert places.shape == (2, grid[0] * grid[1], dim)
    assert places.isfinite().all() and (places.std(dim=1) > 0).all()
    # The model is left as it is, and the view has its weights.
    torch.testing.assert_close(first(model.encode_image(pixels)), embedding)
    own = {id(weight) for weight in model.parameters()}
    assert {id(weight) for weight in view.parameters()} <= own
    # No place, and no whole, depends on what else is in the batch.
    torch.testing.assert_close(see(view, pixels[1:], dim)[1], places[1:])


@pytest.mark.parametrize(
    ("size", "grid"), [((160, 160), (10, 10)), ((96, 224), (6, 14))]
)
def test_trunk_made_for_another_size_gives_the_places_of_its_pictures(
    make_model, size, grid
):
    vision, cut = of_timm("vitamin_small_224", size, "", depth=1, pos_embed="none")
    view = view_tokens(make_model(vision, cut))
    assert view.visual.visual.trunk.patch_embed.grid_size == (14, 14)
    _, places = see(view, torch.rand(1, 3, *size), 16)
    assert read_grid(view, size) == grid
    assert places.shape == (1, grid[0] * grid[1], 16)


@pytest.mark.parametrize("kind", LINEAR)
def test_mean_of_the_places_is_the_whole_where_the_head_is_linear(make_tower, kind):
    model, size, dim = make_tower(kind)
    whole, places = see(view_tokens(model), torch.rand(2, 3, size, size), dim)
    assert (places.mean(dim=1) - whole).abs().max() <= 1e-5 * whole.abs().max()


@pytest.mark.parametrize("kind", UNMIXED)
def test_place_is_not_mixed_with_others_in_the_last_block(make_tower, kind):
    model, size, dim = make_tower(kind)
    view = view_tokens(model)
    rows, columns = read_grid(view, (size, size))
    pixels = torch.rand(1, 3, size, size)
    changed = pixels.clone()
    changed[:, :, : size // rows, : size // columns] = 0  # the first place
    whole, places = see(view, pixels, dim)
    other, others = see(view, changed, dim)
    moved = (places - others).abs().amax(dim=2)[0]
    assert moved[0] > 1e-4 and moved[1:].max() <= 1e-5
    assert (whole - other).abs().max() > 1e-4


@pytest.mark.parametrize("kind", ["ViT", "ResNet", "Swin"])
def test_places_lie_row_by_row(make_tower, kind):
    model, size, dim = make_tower(kind)
    view = view_tokens(model)
    rows, columns = read_grid(view, (size, size))
    grey = torch.full((1, 3, size, size), 0.5)
    one = grey.clone()
    # The last place of the first row.
    one[:, :, : size // rows, size - size // columns :] = torch.rand(
        3, size // rows, size // columns
    )
    moved = (see(view, one, dim)[1] - see(view, grey, dim)[1]).norm(dim=2)[0]
    assert moved.argmax() == columns - 1


def test_place_of_a_resnet_is_its_value_projected(make_model):
    model = make_model(RESNET)
    visual, pool = model.visual, model.visual.attnpool
    pixels = torch.rand(1, 3, 64, 64)
    x = visual.stem(pixels)
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        x = layer(x)
    _, places = see(view_tokens(model), pixels, 16)
    for place in range(4):
        value = x[0, :, place // 2, place % 2] + pool.positional_embedding[1 + place]
        expected = pool.c_proj(pool.v_proj(value))
        torch.testing.assert_close(places[0, place], expected)


@pytest.mark.parametrize("kind", WITHOUT_PLACES)
def test_tower_without_places_is_refused_by_name(make_tower, kind):
    model, _, _ = make_tower(kind)
    message = f"Got {WITHOUT_PLACES[kind]}: take regions='2x2'"
    with pytest.raises(ValueError, match=message):
        view_tokens(model)


def test_tower_of_another_class_is_refused_by_name(make_model):
    model = make_model(custom=True)
    model.visual = Own()
    with pytest.raises(ValueError, match="Got Own: take regions='2x2'"):
        view_tokens(model)


def test_low_precision_gives_its_own_type(make_model):
    model = make_model(VIT)
    model.visual.bfloat16()
    found = view_tokens(model).encode_image(torch.rand(1, 3, 32, 32).bfloat16())
    assert found.dtype == torch.bfloat16


def test_texts_of_a_model_of_tokens_are_those_of_the_plain_one(model_folder):
    plain = load_backbone(model_folder, device="cpu", precision="fp32")
    tokens = load_backbone(
        model_folder, device="cpu", precision="fp32", output="tokens"
    )
    assert tokens is not plain
    assert tokens.output_of("text") == "embedding" and tokens.width("text") == 64
    assert tokens.output_of("image") == "tokens" and tokens.grid == (4, 4)
    assert tokens.width("image") == 17 * 64
    texts = ["a cat", "the sea"]
    np.testing.assert_array_equal(tokens.encode_texts(texts), plain.encode_texts(texts))
    # One probe tells the model, whatever is asked of it.
    for tower in ("image", "text"):
        np.testing.assert_allclose(
            tokens.probe([tower]), plain.probe([tower]), atol=1e-6
        )
