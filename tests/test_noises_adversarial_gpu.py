"""Attacks on a CUDA device: the same draws, and the outcomes of the CPU to rounding."""

import numpy as np
import pytest
import torch

from noises.adversarial.draws import image_keys, normal, uniform, words
from noises.adversarial.engine import arm, run_attacks
from noises.adversarial.plan import Plan
from tests.network_example import digits, trained
from tests.test_noises_adversarial_kinds import KINDS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_draws_are_the_same_bits_on_both_devices():
    keys = image_keys(0, "pgd", [f"test/{i}" for i in range(50)])
    for made in (words, uniform, normal):
        here, there = made(keys, 3, 1000), made(keys.cuda(), 3, 1000).cpu()
        assert torch.equal(here, there)


@pytest.mark.parametrize("attack", KINDS, ids=lambda a: a.name)
def test_attack_fools_the_images_it_fools_on_the_cpu(attack):
    import copy

    x, y = digits()
    x, y, names = x[:96], y[:96], [f"test/{i}" for i in range(96)]
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    here = run_attacks(trained(), x, y, [arm(attack, names, 0)], Plan())[attack.name]
    network = copy.deepcopy(trained()).cuda()
    armed = [arm(attack, names, 0, "cuda")]
    there = run_attacks(network, x.cuda(), y.cuda(), armed, Plan())[attack.name]
    assert (here.fooled != there.fooled).mean() <= 0.02
    assert here.alarms.keys() == there.alarms.keys()
    np.testing.assert_allclose(here.fooled.mean(1), there.fooled.mean(1), atol=0.02)
