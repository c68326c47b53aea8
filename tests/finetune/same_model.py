"""Whether two fine-tuners have the same weights."""

import torch


def state_of(tuner):
    return {name: value.clone() for name, value in tuner.model_.state_dict().items()}


def assert_same_model(one, other):
    states = state_of(one), state_of(other)
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=0, atol=0)
