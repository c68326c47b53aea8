"""Seeds, and training that goes on."""

import numpy as np
import pytest
import torch
from small_nets import make_net, weights


@pytest.mark.parametrize("module", ["mlp", "attention"])
def test_same_seed_gives_the_same_net_and_another_seed_another(data, module):
    X, Y = data
    first, second, other = (
        make_net(module=module, early_stopping="f1", random_state=seed).fit(X, Y)
        for seed in (0, 0, 1)
    )
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))
    assert torch.equal(weights(first), weights(first.fit(X, Y)))


def test_seed_leaves_the_global_generator_alone(data):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    make_net().fit(*data)
    assert torch.equal(torch.rand(3), expected)


def test_without_a_seed_torch_decides(data):
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        nets.append(make_net(random_state=None).fit(*data))
    assert torch.equal(weights(nets[0]), weights(nets[1]))
    assert not torch.equal(weights(nets[0]), weights(nets[2]))


def test_partial_fit_goes_on_and_fit_starts_anew(data):
    X, Y = data
    net = make_net().fit(X, Y)
    once = weights(net).clone()
    net.partial_fit(X, Y)
    assert len(net.history) == 8
    assert not torch.equal(weights(net), once)
    net.fit(X, Y)
    assert len(net.history) == 4
    assert torch.equal(weights(net), once)


def test_partial_fit_alone_is_the_same_as_fit(data):
    assert torch.equal(
        weights(make_net().partial_fit(*data)), weights(make_net().fit(*data))
    )


def test_partial_fit_takes_batches_of_one_class_once_it_knows_both(data):
    X, Y = data
    y = np.where(Y[:, 0] == 1, "yes", "no")
    net = make_net()
    net.partial_fit(X[y == "no"], y[y == "no"], classes=["yes", "no"])
    net.partial_fit(X[y == "yes"], y[y == "yes"])
    assert net.classes_.tolist() == ["no", "yes"]
    with pytest.raises(ValueError, match=r"two classes, .* Got \['maybe'\] besides"):
        net.partial_fit(X, np.where(Y[:, 0] == 1, "yes", "maybe"))


def test_warm_start_goes_on(data):
    net = make_net(warm_start=True).fit(*data)
    once = weights(net).clone()
    net.fit(*data)
    assert len(net.history) == 8
    assert not torch.equal(weights(net), once)
