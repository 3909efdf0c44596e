"""Augmentations stay on the device of their batch, and give there what they give on a CPU."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.test_training_augmentation import EVERY, apply, labels, smooth


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="torch is built without CUDA")
@EVERY
def test_augmentation_stays_on_its_device(augmentation):
    # tensors without memory: torch refuses to compute with two devices, and waits for none
    with FakeTensorMode(allow_non_fake_inputs=True):
        images = torch.empty(64, 3, 32, 32, device="cuda")
        targets = torch.empty(64, 10, device="cuda")
        found = augmentation.apply(images, targets, np.random.default_rng(0))
    assert [t.device.type for t in found] == ["cuda", "cuda"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@EVERY
def test_augmentation_is_the_same_on_cuda(augmentation):
    x = smooth(200, 32)
    here = apply(augmentation, x)
    there = augmentation.apply(x.cuda(), labels(200).cuda(), np.random.default_rng(0))
    torch.testing.assert_close(there[1].cpu(), here[1])
    # a rounding may push a value over one of 256 levels before it is posterized or equalized
    differs = (there[0].cpu() - here[0]).abs() > 1e-4
    assert float(differs.float().mean()) < 1e-3
