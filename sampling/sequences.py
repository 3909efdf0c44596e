"""Puts one network through perturbation sequences, a few images at a time.

Frames are made on the fly, read from ImageNet-P, or made once and kept on the disk for the networks
that follow. A batch of frames holds whole sequences of some images, so that the memory needed does
not depend on how many images there are.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from images.videos import SequenceVideos
from metrics.sequences import TOP, top5_distances
from noises.draws import generators
from noises.sequences.sequence import PerturbationSequence
from noises.sequences.table import SEQUENCES
from sampling.answers import finite_logits
from sampling.store import SequenceOutcome, SequenceRecord
from sampling.store.layers import PREDICTION, RANK_DISTANCE
from training.loop import to_float


@dataclass(frozen=True, eq=False)
class FrameSource:
    """One perturbation sequence of I images.

    Attributes:
        name: Of the sequence; a harder one ends in its difficulty: "gaussian_noise_2".
        noise: Whether frames are judged against the first; else against the previous.
        frames: F of it, at least 2.
        read: The frames (n, F, s, s, 3) uint8 of n images, given their numbers (n,).
    """

    name: str
    noise: bool
    frames: int
    read: Callable[[NDArray[np.int64]], NDArray[np.uint8]]


def made_frames(
    sequence: PerturbationSequence,
    pixels: NDArray[np.uint8],
    ids: Sequence[str],
    seed: int,
    difficulty: int = 1,
) -> FrameSource:
    """Frames made from images (I, s, s, 3) when they are asked for.

    Args:
        sequence: One of `SEQUENCES`.
        pixels: (I, s, s, 3) uint8; may be a memory map.
        ids: (I,) stable ids, which the draws belong to.
        seed: Of the protocol.
        difficulty: 1, or up to 3 for the noises.
    """

    def read(index: NDArray[np.int64]) -> NDArray[np.uint8]:
        named = [ids[i] for i in index]
        streams = generators(seed, f"{sequence.name}_p", difficulty, named)
        return sequence.apply(np.array(pixels[index]), streams, difficulty)

    name = sequence.name if difficulty == 1 else f"{sequence.name}_{difficulty}"
    return FrameSource(name, sequence.noise, sequence.frames(pixels.shape[1]), read)


def published_frames(videos: SequenceVideos, name: str, size: int) -> FrameSource:
    """A sequence of ImageNet-P at `size` pixels; the first video tells how many frames there are.

    Raises:
        ValueError: The videos have no such sequence, or it is none of the published ones.
    """
    plain = name.removesuffix("_2").removesuffix("_3")
    if plain not in SEQUENCES:
        raise ValueError(
            f"imagenet_p.sequence must be one of {', '.join(SEQUENCES)}, or a noise followed by _2 "
            f"or _3; got {name}. Rename the folder as published."
        )
    frames = videos.read(name, size, [0]).shape[1]
    return FrameSource(
        name, SEQUENCES[plain].noise, frames, lambda index: videos.read(name, size, index)
    )


def kept_frames(source: FrameSource, path: Path, images: int, batch: int) -> FrameSource:
    """The same frames of `images` images from a .npy file, which is made if it is not there.

    The file takes F x 3 s^2 bytes per image: 9.3 MB for 100 images of 31 frames at 32 px. It is
    read as a memory map, so that processes share it.
    """
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            for index in _chunks(images, source.frames, batch):
                frames = source.read(index)
                if index[0] == 0:
                    shape = (images, *frames.shape[1:])
                    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_2_0(file, header)
                file.write(np.ascontiguousarray(frames).data)
        part.replace(path)  # whole or not at all, whoever else is making the same
    kept: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return replace(source, read=lambda index: np.array(kept[index]))


def sequence_record(
    name: str, sources: Sequence[FrameSource], ids: Sequence[str], labels: NDArray[np.int64]
) -> SequenceRecord:
    """What the results say of a set of sequences of I images."""
    return SequenceRecord(
        name=name,
        sequences=tuple(source.name for source in sources),
        references=tuple("first" if source.noise else "previous" for source in sources),
        frames=tuple(source.frames for source in sources),
        image_ids=tuple(ids),
        labels=labels,
    )


def answer_sequences(
    network: nn.Module, sources: Sequence[FrameSource], images: int, batch: int, device: str
) -> SequenceOutcome:
    """What a network in eval mode says of every frame of Q sequences of I images.

    Args:
        network: (B, 3, s, s) in [0, 1] to logits (B, K).
        sources: (Q,) sequences, in the order of the record.
        images: I.
        batch: Frames per batch; at least those of one image are put through together.
        device: "cpu" or "cuda".

    Returns:
        Predictions, and top-5 distances unless there are fewer than five classes.

    Raises:
        ValueError: The network's outputs are not finite.
    """
    longest = max(source.frames for source in sources)
    prediction = PREDICTION.empty((len(sources), longest, images))
    distance = RANK_DISTANCE.empty((len(sources), images))
    for q, source in enumerate(sources):
        for index in _chunks(images, source.frames, batch):
            ranked = _ranked(network, source.read(index), device)
            prediction[q][: source.frames, index] = ranked[..., 0]
            if ranked.shape[-1] == TOP:
                against_first = np.array([source.noise])
                distance[q, index] = top5_distances(ranked[None], against_first)[0]
    return SequenceOutcome(prediction, None if np.isnan(distance).all() else distance)


def _ranked(network: nn.Module, frames: NDArray[np.uint8], device: str) -> NDArray[np.int64]:
    """(F, n, 5) most probable classes of frames (n, F, s, s, 3); fewer than 5 if there are."""
    n, f, *image = frames.shape
    logits = finite_logits(network, to_float(frames.reshape(n * f, *image), device))
    # a stable sort: of equal logits the first class wins, on every device
    order = torch.sort(logits, dim=1, descending=True, stable=True).indices[:, :TOP]
    ranked: NDArray[np.int64] = order.view(n, f, -1).transpose(0, 1).cpu().numpy()
    return ranked


def _chunks(images: int, frames: int, batch: int) -> list[NDArray[np.int64]]:
    """Numbers of the images whose frames make a batch."""
    step = max(1, batch // frames)
    return [np.arange(start, min(start + step, images)) for start in range(0, images, step)]
