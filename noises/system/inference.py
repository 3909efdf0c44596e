"""Inference noise: the same weights as another engine would run them, network -> network.

Half precision, INT8 and pooling in ceil mode are the inference part of SysNoise (Wang et al., arXiv
2307.00280). Give networks as they are deployed: trained, in eval mode, BatchNorm merged or not, but
with their convolutions still `nn.Conv2d`. Only modules are changed: pooling by a function is not
found.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from noises.system.precision import HalfPrecision
from noises.system.quantisation import BATCH, hidden_weights, quantisable, quantise

_SYSNOISE = "SysNoise, arXiv 2307.00280"
_POOLING = (nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True)
class InferenceNoise:
    """One way to run a network other than in float32: network -> network.

    Attributes:
        name: Unique name, for instance "int8".
        convert: Changes a network in place, given calibration images, and returns it or a wrapper.
        changes: Whether a network has anything that `convert` changes. If not, one evaluation does
            for it and for float32. (In ceil mode outputs are equal, too, where pooling divides
            every map without a rest.)
        parameters: What defines the noise, as plain data.
        source: Where the noise is defined.
        family: "system".
    """

    name: str
    convert: Callable[[nn.Module, Tensor], nn.Module]
    changes: Callable[[nn.Module], bool]
    parameters: Mapping[str, str | int] = field(hash=False)
    source: str = _SYSNOISE
    family: str = "system"

    def apply(self, network: nn.Module, calibration: Tensor) -> nn.Module:
        """A new network under this noise, float32 images to float32 logits; the given one is kept.

        Args:
            network: In eval mode.
            calibration: (R, 3, s, s) float32 images in [0, 1] from a recorded list, on the
                network's device; only INT8 learns from them, the others are tried on the first.

        Raises:
            ValueError: The network is in train mode, hides weights in buffers or cannot run under
                this noise, or the images are not to be calibrated on.
        """
        if network.training:
            raise ValueError(
                "InferenceNoise.network must be in eval mode; got train mode. Call eval() on it."
            )
        check_images(calibration)
        converted = self.convert(copy.deepcopy(network), calibration)
        try:
            with torch.no_grad():
                converted(calibration[:1])
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"InferenceNoise.network must run under {self.name}; got: {reason}. "
                f"Leave {self.name} out for it."
            ) from error
        return converted

    def describe(self) -> dict[str, str | int]:
        """Name, source and parameters as plain data, for hashes and records."""
        return {"name": self.name, "source": self.source, **self.parameters}


def check_images(images: Tensor) -> None:
    """Refuse what ranges of activations must not be learned from.

    Raises:
        ValueError: No float32 images (R, 3, s, s) in [0, 1].
    """
    if not isinstance(images, Tensor) or images.dim() != 4 or not len(images):
        shape = tuple(getattr(images, "shape", ()))
        raise ValueError(
            "InferenceNoise.calibration must be images (R, 3, s, s), at least one; "
            f"got shape {shape}. Give training images."
        )
    low, high = float(images.min()), float(images.max())
    if images.dtype != torch.float32 or not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            "InferenceNoise.calibration must be float32 in [0, 1]; "
            f"got {images.dtype} in [{low:g}, {high:g}]. Give unnormalised pixels."
        )


def _has_other_floats(dtype: torch.dtype) -> Callable[[nn.Module], bool]:
    return lambda network: any(
        t.is_floating_point() and t.dtype is not dtype for t in network.state_dict().values()
    )


def _half(dtype: torch.dtype) -> InferenceNoise:
    name = str(dtype).removeprefix("torch.")
    return InferenceNoise(
        name,
        convert=lambda network, _: HalfPrecision(network, dtype),
        changes=_has_other_floats(dtype),
        parameters={"weights": name, "between_operations": name, "sums": "float32"},
    )


def _int8(network: nn.Module, calibration: Tensor) -> nn.Module:
    hidden = hidden_weights(network)
    if hidden:
        raise ValueError(
            "InferenceNoise.network must hold its weights in convolutions and linear layers; "
            f"got matrices in {', '.join(hidden[:3])}. Give the network before such layers are "
            "exchanged for faster ones."
        )
    return quantise(network, calibration)


def _pools_to_change(network: nn.Module) -> list[nn.MaxPool2d | nn.AvgPool2d]:
    return [m for m in network.modules() if isinstance(m, _POOLING) and not m.ceil_mode]


def _ceil(network: nn.Module, _: Tensor) -> nn.Module:
    for pool in _pools_to_change(network):
        pool.ceil_mode = True
    return network


INFERENCE_NOISES: dict[str, InferenceNoise] = {
    noise.name: noise
    for noise in (
        _half(torch.float16),
        _half(torch.bfloat16),
        InferenceNoise(
            "int8",
            convert=_int8,
            changes=lambda network: bool(quantisable(network)),
            parameters={
                "weights": "symmetric per channel, -127 to 127",
                "inputs": "affine per tensor, 0 to 255, least and largest of calibration",
                "calibration_batch": BATCH,
            },
        ),
        InferenceNoise(
            "ceil_mode",
            convert=_ceil,
            changes=lambda network: bool(_pools_to_change(network)),
            parameters={"pooling": "maximum and average, output sides rounded up"},
        ),
    )
}
"""Variants of inference; the reference is the network in float32."""
