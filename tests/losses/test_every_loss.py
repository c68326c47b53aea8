"""What holds for every loss: masking, reductions, dtypes, gradients, pickling."""

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_clip.losses import LOSSES, MultiLabelLoss, make_loss

COUNTS = [3, 1, 4, 2, 5]
PER_ENTRY = sorted(set(LOSSES) - {"two_way", "zlpr", "soft_f1"})
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
every_loss = pytest.mark.parametrize("name", LOSSES)


def make(name, n_labels=5, **params):
    if name == "distribution_balanced":
        params = {"class_counts": COUNTS[:n_labels], "n_samples": 9, **params}
    loss = make_loss(name, **params).double()
    loss.set_epoch(3)
    return loss


def value_and_gradient(loss, logits, targets):
    logits = logits.clone().requires_grad_()
    value = loss(logits, targets)
    value.sum().backward()
    return value.detach(), logits.grad


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_unknown_entries_are_in_neither_value_nor_gradient(name, holes, reduction):
    logits, targets = holes
    loss = make(name, reduction=reduction)
    value, gradient = value_and_gradient(loss, logits, targets)
    unknown = targets.isnan()
    assert value.isfinite().all() and gradient.isfinite().all()
    assert (gradient[unknown] == 0).all()
    assert (gradient[~unknown] != 0).any()
    for filler in (0.0, 1e4, math.inf, math.nan):
        other = value_and_gradient(loss, logits.masked_fill(unknown, filler), targets)
        torch.testing.assert_close(other, (value, gradient), rtol=0, atol=0)


@pytest.mark.parametrize("name", PER_ENTRY)
def test_masking_an_entry_equals_dropping_it(name, batch):
    logits, targets = batch
    if name == "distribution_balanced":
        # Its weight of an entry looks at the positives beside it: unknown negatives.
        unknown = (targets == 0) & (logits > 0)
    else:
        unknown = logits.abs() < 1.5
    masked = targets.masked_fill(unknown, torch.nan)
    entries = make(name, reduction="none")(logits, targets)
    assert unknown.any()
    torch.testing.assert_close(
        make(name, reduction="none")(logits, masked), entries.masked_fill(unknown, 0)
    )
    kept = entries[~unknown]
    torch.testing.assert_close(make(name, reduction="sum")(logits, masked), kept.sum())
    torch.testing.assert_close(make(name)(logits, masked), kept.mean())


@every_loss
def test_dropping_unknown_rows_changes_nothing(name, holes):
    logits, targets = holes
    known = ~targets.isnan().all(dim=1)
    torch.testing.assert_close(
        make(name)(logits[known], targets[known]), make(name)(logits, targets)
    )


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nothing_known_is_zero_with_zero_gradient(name, batch, reduction):
    logits, targets = batch
    loss = make(name, reduction=reduction)
    value, gradient = value_and_gradient(loss, logits, targets * torch.nan)
    assert (value == 0).all() and (gradient == 0).all()
    assert all((p.grad == 0).all() for p in loss.parameters())


@every_loss
def test_no_rows_are_zero(name):
    assert make(name)(torch.zeros(0, 5), torch.zeros(0, 5)) == 0


@every_loss
def test_reductions_agree(name, holes):
    each = make(name, reduction="none")(*holes)
    torch.testing.assert_close(each.sum(), make(name, reduction="sum")(*holes))
    assert each.ndim == (2 if name in PER_ENTRY else 1)


@every_loss
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [50, 1e4])
@pytest.mark.parametrize("target", [0.0, 1.0, "both"])
def test_large_logits_have_finite_value_and_gradient(name, dtype, size, target):
    logits = torch.tensor([[size, -size, 0, size, -size]] * 2).to(dtype)
    targets = torch.zeros(2, 5)
    if target == "both":
        targets[0] = 1
    else:
        targets[:] = target
    loss = make(name).float()
    value, gradient = value_and_gradient(loss, logits, targets)
    half = dtype in (torch.bfloat16, torch.float16)
    assert value.dtype == (torch.float32 if half else dtype)
    assert gradient.dtype == dtype
    assert value.isfinite() and gradient.isfinite().all()
    assert value >= 0
    assert all(p.grad.isfinite() for p in loss.parameters())


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_lower_precision_stays_near_float64(name, holes, dtype):
    logits, targets = holes
    logits = logits.to(dtype)
    low = make(name).float()(logits, targets)
    torch.testing.assert_close(
        low.double(), make(name)(logits.double(), targets), rtol=1e-5, atol=1e-6
    )


@every_loss
def test_gradient_is_that_of_the_formula(name, holes):
    logits, targets = holes
    loss = make(name, reduction="none")
    logits = logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, targets), (logits,))


@every_loss
def test_targets_of_any_dtype_are_taken(name, batch):
    logits, targets = batch
    expected = make(name)(logits, targets)
    for dtype in (torch.bool, torch.int64, torch.float32, torch.bfloat16):
        torch.testing.assert_close(make(name)(logits, targets.to(dtype)), expected)


@every_loss
def test_soft_targets_have_finite_value_and_gradient(name, batch):
    logits, targets = batch
    soft = targets * 0.9 + 0.05
    value, gradient = value_and_gradient(make(name), logits, soft)
    assert value.isfinite() and gradient.isfinite().all()
    assert not torch.equal(value, make(name)(logits, targets))


@every_loss
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 6), labels=st.integers(1, 5))
def test_order_of_rows_and_labels_does_not_matter(name, seed, rows, labels):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, labels, generator=generator, dtype=torch.float64)
    draw = torch.rand(rows, labels, generator=generator, dtype=torch.float64)
    targets = torch.where(draw < 0.2, torch.nan, (draw > 0.6).double())
    loss = make(name, n_labels=labels)
    expected = loss(logits, targets)
    by_row = torch.randperm(rows, generator=generator)
    by_label = torch.randperm(labels, generator=generator)
    if name == "distribution_balanced":
        by_label = torch.arange(labels)  # its counts stand in the order of the labels
    shuffled = loss(logits[by_row][:, by_label], targets[by_row][:, by_label])
    torch.testing.assert_close(shuffled, expected)


@every_loss
def test_descent_separates_positives_from_negatives(name):
    targets = torch.tensor([[1, 0, 1, 0, 0], [0, 1, 0, 0, 1], [1, 0, 0, 1, 0]])
    logits = torch.zeros(3, 5, dtype=torch.float64, requires_grad=True)
    loss = make(name)
    loss.set_epoch(0)
    optimizer = torch.optim.Adam([logits, *loss.parameters()], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss(logits, targets).backward()
        optimizer.step()
    positive = targets.bool()
    probabilities = loss.activation(logits).detach()
    assert (probabilities[positive] > 0.5).all()
    assert (probabilities[~positive] < 0.5).all()
    assert torch.equal(logits > loss.decision_logit, positive)


@every_loss
def test_probability_is_one_half_at_the_decision_logit(name):
    loss = make(name)
    threshold = torch.as_tensor(loss.decision_logit, dtype=torch.float64).expand(2, 5)
    torch.testing.assert_close(
        loss.activation(threshold), torch.full((2, 5), 0.5, dtype=torch.float64)
    )
    assert (loss.activation(threshold + 0.1) > 0.5).all()


@every_loss
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_and_pickles_are_the_same_loss(name, batch, copied):
    loss = make(name)
    other = copied(loss)
    assert repr(other) == repr(loss)
    assert torch.equal(other(*batch), loss(*batch))


@every_loss
def test_repr_shows_the_parameters_of_the_constructor(name):
    text = repr(make(name, reduction="sum"))
    assert text.startswith(LOSSES[name].__name__ + "(")
    assert text.endswith("reduction='sum')")


@every_loss
@pytest.mark.parametrize(
    ("logits", "targets"),
    [((4, 5), (4, 3)), ((4,), (4,)), ((4, 5, 1), (4, 5, 1)), ((4, 5), (4,))],
)
def test_shapes_that_do_not_match_are_refused(name, logits, targets):
    with pytest.raises(ValueError, match=r"same shape \(n_samples, n_labels\)\. Got"):
        make(name)(torch.zeros(logits), torch.zeros(targets))


@every_loss
@pytest.mark.parametrize("value", [2.0, -1.0, -0.01, math.inf])
def test_target_out_of_range_is_refused_with_its_position(name, batch, value):
    logits, targets = batch
    targets[3, 1] = value
    targets[0, 0] = math.nan
    with pytest.raises(ValueError, match=r"targets must be in \[0, 1\].*row 3, column"):
        make(name)(logits, targets)


@every_loss
def test_other_types_are_refused(name, batch):
    logits, targets = batch
    with pytest.raises(TypeError, match=r"logits must be a torch.Tensor. Got ndarray"):
        make(name)(logits.numpy(), targets)
    with pytest.raises(TypeError, match=r"targets must be a torch.Tensor. Got list"):
        make(name)(logits, targets.tolist())
    with pytest.raises(TypeError, match=r"floating dtype. Got torch.int64"):
        make(name)(logits.long(), targets)


@every_loss
def test_unknown_reduction_is_refused(name):
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none'. Got 'average'"):
        make(name, reduction="average")


@pytest.mark.parametrize(
    ("name", "parameter", "value", "rule"),
    [
        ("focal", "alpha", 1.5, "at most 1"),
        ("focal", "gamma", -1, "at least 0"),
        ("focal", "gamma", "2", "at least 0"),
        ("asl", "gamma_neg", -0.1, "at least 0"),
        ("asl", "gamma_pos", math.nan, "at least 0"),
        ("asl", "gamma_pos", math.inf, "at least 0"),
        ("asl", "margin", 1, "at least 0 and below 1"),
        ("tempered_bce", "temperature", 0, "above 0"),
        ("tempered_bce", "bias", None, "a finite number"),
        ("tempered_bce", "max_scale", True, "above 0"),
        ("two_way", "temperature_pos", 0, "above 0"),
        ("two_way", "temperature_neg", -1, "above 0"),
        ("hill", "lam", 0.5, "at least 1"),
        ("hill", "margin", -1, "at least 0"),
        ("hill", "gamma", -1, "at least 0"),
        ("splc", "tau", 1.2, "at least 0 and at most 1"),
        ("splc", "margin", -1, "at least 0"),
        ("splc", "gamma", -1, "at least 0"),
        ("splc", "change_epoch", 0.5, "an integer of at least 0"),
        ("soft_f1", "beta", 0, "above 0"),
        ("soft_f1", "eta", math.inf, "a finite number"),
        ("distribution_balanced", "alpha", -1, "at least 0"),
        ("distribution_balanced", "beta", 0, "above 0"),
        ("distribution_balanced", "mu", None, "a finite number"),
        ("distribution_balanced", "neg_scale", 0, "above 0"),
        ("distribution_balanced", "init_bias", -1, "at least 0"),
        ("distribution_balanced", "gamma", -1, "at least 0"),
    ],
)
def test_parameter_out_of_range_is_refused_by_name(name, parameter, value, rule):
    with pytest.raises(ValueError, match=f"^{parameter} must be .*{rule}. Got "):
        make(name, **{parameter: value})


@pytest.mark.parametrize("name", ["bce", "tempered_bce", "focal", "asl"])
def test_weight_of_positives_multiplies_their_loss(name, holes):
    logits, targets = holes
    weights = torch.tensor([1.0, 2.0, 0.5, 4.0, 8.0], dtype=torch.float64)
    plain = make(name, reduction="none")(logits, targets)
    expected = torch.where(targets == 1, plain * weights, plain)
    weighted = make(name, pos_weight=weights.tolist(), reduction="none")
    torch.testing.assert_close(weighted(logits, targets), expected)
    assert "pos_weight=<5 values>" in repr(weighted)
    torch.testing.assert_close(
        make(name, pos_weight=3)(logits, targets),
        torch.where(targets == 1, plain * 3, plain).sum() / (~targets.isnan()).sum(),
    )


@pytest.mark.parametrize("name", ["bce", "tempered_bce", "focal", "asl"])
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (0, r"pos_weight must hold finite numbers above 0. Got 0.0 \(label 0\)"),
        ([1, 2, math.nan], r"above 0. Got nan \(label 2\)"),
        ([[1.0, 2.0]], r"one number per label. Got shape \(1, 2\)"),
        ("balanced", "one number per label. Got 'balanced'"),
        ([[1], [1, 2]], r"one number per label. Got \[\[1\], \[1, 2\]\]"),
    ],
)
def test_weight_that_is_no_positive_number_is_refused(name, weight, message):
    with pytest.raises(ValueError, match=message):
        make(name, pos_weight=weight)


def test_weights_for_another_number_of_labels_are_refused(batch):
    with pytest.raises(ValueError, match=r"per label, here 5. Got shape \(2,\)"):
        make("bce", pos_weight=[1, 2])(*batch)


def test_base_class_has_no_value(batch):
    with pytest.raises(NotImplementedError, match="^$"):
        MultiLabelLoss()(*batch)


def test_only_the_two_way_loss_ignores_a_common_shift(holes):
    logits, targets = holes
    blind = {
        name
        for name in LOSSES
        if torch.allclose(
            make(name)(logits + 0.7, targets), make(name)(logits, targets)
        )
    }
    assert blind == {"two_way"}
