"""Gaussian, shot and speckle noise: the clean image, then noise drawn anew for every frame."""

from noises.natural.channel import Channel, send
from noises.natural.corruption import Constants, Generators, Pixels
from noises.natural.noise import gaussian_channel, shot_channel, speckle_channel
from noises.sequences.sequence import Frames, PerturbationSequence


def _send_frames(pixels: Pixels, channel: Channel, generators: Generators, out: Frames) -> None:
    out[:, 0] = pixels
    for i in range(1, out.shape[1]):
        out[:, i] = send(pixels, channel, generators)  # goes on in each image's stream


def _gaussian(pixels: Pixels, constants: Constants, generators: Generators, out: Frames) -> None:
    _send_frames(pixels, gaussian_channel(*constants), generators, out)


def _shot(pixels: Pixels, constants: Constants, generators: Generators, out: Frames) -> None:
    _send_frames(pixels, shot_channel(*constants), generators, out)


def _speckle(pixels: Pixels, constants: Constants, generators: Generators, out: Frames) -> None:
    _send_frames(pixels, speckle_channel(*constants), generators, out)


GAUSSIAN_NOISE = PerturbationSequence(
    name="gaussian_noise",
    group="noise",
    random=True,
    parameters=("deviation",),
    imagenet=((0.03,), (0.05,), (0.08,)),
    cifar=((0.02,), (0.04,), (0.06,)),
    method=_gaussian,
)

SHOT_NOISE = PerturbationSequence(
    name="shot_noise",
    group="noise",
    random=True,
    parameters=("photons",),
    imagenet=((300.0,), (120.0,), (60.0,)),
    cifar=((700.0,), (400.0,), (200.0,)),
    method=_shot,
)

SPECKLE_NOISE = PerturbationSequence(
    name="speckle_noise",
    group="noise",
    random=True,
    parameters=("deviation",),
    imagenet=((0.05,), (0.10,), (0.15,)),
    cifar=((0.05,), (0.07,), (0.10,)),
    method=_speckle,
)
