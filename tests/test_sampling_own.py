"""Networks that no space describes: costs by hand, copies that leave the model alone, refusals."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nas_space.costs import costs
from sampling.own import check_model, count_macs, deployed, own_network
from supernet.network import spawn
from tests.network_example import EXAMPLES, make_supernet

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Attention(nn.Module):
    """One head over the 256 pixels of an image."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 10)

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        return self.head(F.scaled_dot_product_attention(tokens, tokens, tokens).mean(1))


def small(classes=10):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(4 * 256, classes),
    )


def test_macs_of_convolution_and_linear_are_those_by_hand():
    by_hand = 256 * 4 * 3 * 9 + 4 * 256 * 10
    assert count_macs(deployed(small(), "cpu"), 16, "cpu") == by_hand


def test_macs_of_attention_are_those_by_hand():
    by_hand = 2 * 256 * 256 * 3 + 3 * 10
    assert count_macs(Attention().eval(), 16, "cpu") == by_hand


@pytest.mark.parametrize("space", ["mobilenet-digits", "resnet-digits"])
def test_costs_of_a_subnet_given_as_a_module_are_those_in_closed_form(space):
    architecture = EXAMPLES[space].extreme(largest=True)  # of 16 px: nothing is resized
    subnet = deployed(spawn(make_supernet(space), architecture), "cpu")
    row = own_network(subnet, "mine", 16, "cpu")
    wanted = costs(EXAMPLES[space], [architecture], 10)
    assert row.factors == {n: float(wanted[n][0]) for n in ("parameters", "macs")}


def test_deployed_leaves_the_model_as_it_is():
    model = small().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network = deployed(model, "cpu")
    network(IMAGES)
    assert model.training
    assert not network.training
    assert all(p.requires_grad for p in model.parameters())
    assert all(torch.equal(before[n], v) for n, v in model.state_dict().items())


def test_id_tells_weights_and_names_apart():
    torch.manual_seed(0)
    one, other = deployed(small(), "cpu"), deployed(small(), "cpu")
    ids = {own_network(n, name, 16, "cpu").id for n in (one, other) for name in ("a", "b")}
    assert len(ids) == 4
    assert own_network(one, "a", 16, "cpu") == own_network(deployed(one, "cpu"), "a", 16, "cpu")


class Fails(nn.Module):
    def forward(self, x):
        raise KeyError("weights")


class Pair(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)), x


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (small(), "must be in eval mode; got train mode"),
        (small(9).eval(), "must have the 10 classes of the data; got 9 logits"),
        (nn.Sequential(small(), nn.Softmax(1)).eval(), "got probabilities"),
        (nn.Linear(5, 10).eval(), "must take images (2, 3, 16, 16) in [0, 1]; got RuntimeError"),
        (Fails().eval(), "got KeyError: 'weights'"),
        (Pair().eval(), "must return a tensor of logits; got tuple"),
        (nn.Sequential(small(), nn.Threshold(1e9, torch.nan)).eval(), "got NaN or infinity"),
        (nn.Identity().eval(), "must return logits (2, K) of K > 1 classes"),
    ],
)
def test_model_that_cannot_be_asked_is_refused(network, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        check_model(network, IMAGES, 10)


def test_what_is_no_module_is_refused():
    with pytest.raises(ValueError, match=re.escape("must be a torch.nn.Module; got int")):
        deployed(3, "cpu")
