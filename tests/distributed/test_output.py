"""What files of features say of themselves, and which runs may go on."""

import functools

import numpy as np
import pytest

from sklearn_clip.distributed._output import describe_parameters, refuse_nameless
from sklearn_clip.fusion import (
    CallableFusion,
    ConcatProductFusion,
    Fusion,
    MeanFusion,
)

SOURCES = {"image": "image", "text": "text"}


class Stretch(Fusion):
    """A fusion with a parameter that is no number."""

    def __init__(self, factors=None):
        self.factors = factors


class Sum:
    """A callable object: what it does lies in its attributes."""

    def __call__(self, image, text):
        """Return the sum."""
        return image + text


def subtract(image, text):
    return image - text


def add(image, text):
    return image + text


def describe(make_tiny, sources=None, **parameters):
    return describe_parameters(make_tiny(**parameters), sources or SOURCES)


@pytest.mark.parametrize(
    "one, other",
    [
        ({"on_error": "nan"}, {"on_error": "zero"}),
        ({"image_root": "a"}, {"image_root": "b"}),
        ({"image_root": None}, {"image_root": "b"}),
        ({"fusion": "mean"}, {"fusion": "max"}),
        ({"fusion": MeanFusion(0.5)}, {"fusion": MeanFusion(0.6)}),
        ({"fusion": add}, {"fusion": subtract}),
        ({"fusion": Stretch(np.arange(2e3))}, {"fusion": Stretch(np.arange(2e3) // 2)}),
        ({"sources": {"image": "front"}}, {"sources": {"image": "back"}}),
        ({"normalize": True}, {"normalize": False}),
        ({"regions": None}, {"regions": "2x2"}),
        (
            {"fusion": "concat_product"},
            {"fusion": ConcatProductFusion(block_norm=False)},
        ),
        ({"regions": "2x2"}, {"regions": "tokens"}),
    ],
)
def test_parameters_that_change_the_numbers_differ(make_tiny, one, other):
    assert describe(make_tiny, **one) != describe(make_tiny, **other)


@pytest.mark.parametrize(
    "one, other",
    [
        ({"fusion": "mean"}, {"fusion": MeanFusion()}),
        ({"fusion": MeanFusion(1)}, {"fusion": MeanFusion(np.float64(1))}),
        ({"fusion": add}, {"fusion": CallableFusion(add)}),
        ({"fusion": "concat_product"}, {"fusion": ConcatProductFusion()}),
        ({"fusion": "concat", "text": None}, {"fusion": "image"}),
        ({"image_root": "a"}, {"image_root": "./a/"}),
        ({"fusion": Stretch(np.arange(9.0))}, {"fusion": Stretch(np.arange(9.0))}),
        ({"cache": None, "verbose": 1}, {"cache": "auto", "num_workers": 3}),
    ],
)
def test_parameters_that_mean_the_same_are_equal(make_tiny, one, other):
    assert describe(make_tiny, **one) == describe(make_tiny, **other)


def test_folder_from_before_products_had_a_scale_is_known_again(make_tiny):
    noted = describe(make_tiny, fusion=ConcatProductFusion(block_norm=False))
    name = "sklearn_clip.fusion._fusions.ConcatProductFusion()"
    assert noted["fusion"] == name


def test_folder_of_images_counts_only_where_images_are_read(make_tiny):
    texts = {"sources": {"text": "text"}, "fusion": "text"}
    assert describe(make_tiny, image_root="a", **texts) == describe(make_tiny, **texts)


@pytest.mark.parametrize(
    "function",
    [
        lambda image, text: image,
        functools.partial(np.subtract),
        Sum(),
        Sum().__call__,
        CallableFusion(Sum()),
    ],
)
def test_function_that_another_process_cannot_know_again_is_refused(
    make_tiny, function
):
    with pytest.raises(ValueError, match=r"defined with def.*Got <?.*path=None"):
        refuse_nameless(make_tiny(fusion=function))


@pytest.mark.parametrize("fusion", [add, np.subtract, "mean", MeanFusion(), Stretch()])
def test_fusion_that_has_a_name_is_taken(make_tiny, fusion):
    refuse_nameless(make_tiny(fusion=fusion))
