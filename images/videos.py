"""ImageNet-P as published: `ROOT/<sequence>/<wnid>/*.mp4`, H.264 videos of perturbed images.

Source: Hendrycks and Dietterich, ICLR 2019. Sequences are called gaussian_noise, tilt, ..., the
harder ones gaussian_noise_2 and so on. Frames are decoded by FFmpeg (PyAV) with its default
conversion to RGB, BT.601 and limited range, as the published evaluation has it through OpenCV.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from images.listing import Listing, list_classes, subfolders
from images.resizers import DEFAULT_RESIZER, fit_square
from images.sets import read_file

MAX_FRAMES = 1000
"""Frames of a video, so that no file fills the memory; the published ones have up to 41."""

_OWNER = "imagenet_p"


@dataclass(frozen=True, eq=False)
class SequenceVideos:
    """The same I images in Q sequences of perturbed frames, not read yet.

    Attributes:
        images: The files of the first sequence; the others have files of the same names.
        folders: Sequence to the folder above its class folders.
    """

    images: Listing
    folders: Mapping[str, Path]

    def read(
        self, sequence: str, size: int, index: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """(n, F, size, size, 3) frames of one sequence; frames of another size are fitted.

        Their shorter side is brought to `size` by the default resizer and their centre cropped.

        Args:
            sequence: One of `folders`.
            size: Side in pixels; the published frames have 224.
            index: The n images, in the order wanted. 100 images of 31 frames at 224 px are 0.5 GB.

        Raises:
            ValueError: There is no such sequence, or a video is gone, damaged or of another length.
        """
        if sequence not in self.folders:
            raise ValueError(
                f"{_OWNER}.sequence must be one of {', '.join(self.folders)}; got {sequence}. "
                "Unpack it, or leave it out."
            )
        videos: NDArray[np.uint8] | None = None
        files = self.images.take(index).moved(self.folders[sequence])
        for place, path in enumerate(files.paths):
            frames = read_video(path, size)
            if videos is None:
                videos = np.empty((len(files), *frames.shape), np.uint8)
            if frames.shape != videos.shape[1:]:
                raise ValueError(
                    f"{_OWNER}.frames must be as many in every video of a sequence, "
                    f"{videos.shape[1]}; got {len(frames)} in {path}. Unpack the archive anew."
                )
            videos[place] = frames
        if videos is None:
            raise ValueError(f"{_OWNER}.index must name at least one image; got none. Name one.")
        return videos

    def notes(self, size: int) -> tuple[str, ...]:
        """What a report must say of frames read at `size` pixels, told by the first video."""
        path = self.images.paths[0]
        height, width = _decoded(path)[0].shape[:2]
        if (height, width) == (size, size):
            return ()
        return (
            f"{_OWNER} frames are {height} x {width}: their shorter side was resized to {size} px "
            f"by {DEFAULT_RESIZER} and their centre cropped.",
        )


def list_imagenet_p(root: Path, classes: tuple[str, ...]) -> SequenceVideos:
    """The sequences of ImageNet-P that a folder holds.

    Args:
        root: The folder above the sequences.
        classes: Classes of the data set by wnid; labels count in them. Some may have no videos.

    Raises:
        ValueError: There is no sequence, a class is empty or not among the classes.
    """
    folders = {folder.name: folder for folder in subfolders(root, _OWNER)}
    if not folders:
        raise ValueError(
            f"{_OWNER}.path must hold one folder per sequence; got {root} with none. "
            "Unpack the archives there."
        )
    images = list_classes(next(iter(folders.values())), _OWNER, _OWNER)
    return SequenceVideos(images.labelled_by(classes), folders)


def read_video(path: Path, size: int) -> NDArray[np.uint8]:
    """(F, size, size, 3) RGB frames of an MP4 file.

    Raises:
        ValueError: It is gone, damaged, not MP4, or has more than `MAX_FRAMES` frames.
    """
    return np.stack([fit_square(frame, size) for frame in _decoded(path)])


def _decoded(path: Path) -> list[NDArray[np.uint8]]:
    data = read_file(path)
    frames: list[NDArray[np.uint8]] = []
    try:
        # from memory and as MP4 only: nothing in the file can name another one
        with av.open(io.BytesIO(data), mode="r", format="mp4") as container:
            stream = container.streams.video[0]
            announced = stream.frames
            stream.codec_context.options = {"err_detect": "explode"}  # damage is not painted over
            for frame in container.decode(stream):
                frames.append(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))
                if len(frames) > MAX_FRAMES:
                    break
    except (av.FFmpegError, IndexError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no video in it"
        raise ValueError(
            f"{_OWNER}.video must be a whole MP4 file; got {path} ({reason}). Unpack it anew."
        ) from None
    if len(frames) != announced or not 1 <= len(frames) <= MAX_FRAMES:
        raise ValueError(
            f"{_OWNER}.video must have all its frames, 1 to {MAX_FRAMES}; got {len(frames)} of "
            f"{announced} in {path}. Unpack it anew."
        )
    return frames
