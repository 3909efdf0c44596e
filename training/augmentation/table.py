"""The table of augmentations."""

from training.augmentation.augmix import AugMix
from training.augmentation.auto_augment import AutoAugment
from training.augmentation.crop import RandomResizedCrop
from training.augmentation.erasing import Cutout, RandomErasing
from training.augmentation.jitter import ColourJitter
from training.augmentation.mixing import Cutmix, Mixup, MixupCutmix
from training.augmentation.placement import HorizontalFlip, RandomShift, RandomZoom
from training.augmentation.protocol import Augmentation
from training.augmentation.rand_augment import RandAugment, TrivialAugment

AUGMENTATIONS: dict[str, Augmentation] = {
    a.name: a
    for a in (
        *(RandomResizedCrop(), RandomShift(), HorizontalFlip(), RandomZoom(), ColourJitter()),
        *(RandAugment(), AutoAugment(), TrivialAugment(), AugMix()),
        *(RandomErasing(), Cutout(), Mixup(), Cutmix(), MixupCutmix()),
    )
}
"""Name to augmentation, in the order in which a recipe would apply them."""
