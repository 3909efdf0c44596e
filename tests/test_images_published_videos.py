"""ImageNet-P: a small H.264 tree made here, OpenCV as another reader, damaged videos."""

import re
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from images.resizers import fit_square
from images.videos import MAX_FRAMES, list_imagenet_p, read_video

CLASSES = ("n01", "n02")


def gradient(count: int, size: int = 32, shift: int = 0) -> NDArray[np.uint8]:
    """(count, size, size, 3) smooth frames that move, which H.264 keeps well."""
    y, x = np.mgrid[:size, :size]
    frames = [
        np.stack([np.clip(4 * x + 5 * i + shift, 0, 255), 255 - 6 * y, 0 * x + 20 * i], axis=-1)
        for i in range(count)
    ]
    return np.clip(frames, 0, 255).astype(np.uint8)


def write(path: Path, frames: NDArray[np.uint8], **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "8"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def imagenet_p(tmp_path: Path) -> Path:
    for sequence, count in (("tilt", 5), ("translate", 7)):
        for shift, name in enumerate(("n02/val_10.mp4", "n02/val_2.mp4", "n01/val_1.mp4")):
            write(tmp_path / sequence / name, gradient(count, shift=40 * shift))
    return tmp_path


def test_imagenet_p_reads_frames_in_order(imagenet_p: Path) -> None:
    videos = list_imagenet_p(imagenet_p, CLASSES)
    assert tuple(videos.folders) == ("tilt", "translate")
    assert videos.images.ids[1] == "imagenet_p/n02/val_2.mp4"
    assert videos.images.labels.tolist() == [0, 1, 1]
    frames = videos.read("translate", 32, [2, 0])
    assert frames.shape == (2, 7, 32, 32, 3)
    assert np.abs(frames[0].astype(int) - gradient(7)).mean() < 3
    assert np.abs(frames[1].astype(int) - gradient(7, shift=80)).mean() < 3
    assert videos.notes(32) == ()


def test_imagenet_p_pixels_are_those_of_opencv(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", gradient(6))
    capture, theirs = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        theirs.append(read[1][..., ::-1])
    np.testing.assert_allclose(read_video(path, 32), np.stack(theirs), atol=2)


def test_imagenet_p_fits_frames_to_another_size_and_says_so(imagenet_p: Path) -> None:
    videos = list_imagenet_p(imagenet_p, CLASSES)
    native, fitted = videos.read("tilt", 32, [1]), videos.read("tilt", 20, [1])
    np.testing.assert_array_equal(fitted[0, 3], fit_square(native[0, 3], 20))
    assert videos.notes(20)[0].startswith("imagenet_p frames are 32 x 32: their shorter side")


def test_imagenet_p_refuses_other_sequences_and_lengths(imagenet_p: Path) -> None:
    videos = list_imagenet_p(imagenet_p, CLASSES)
    with pytest.raises(ValueError, match="one of tilt, translate; got snow"):
        videos.read("snow", 32, [0])
    with pytest.raises(ValueError, match="at least one image; got none"):
        videos.read("tilt", 32, [])
    path = write(imagenet_p / "tilt/n02/val_10.mp4", gradient(4))
    with pytest.raises(ValueError, match=re.escape(f"of a sequence, 5; got 4 in {path}")):
        videos.read("tilt", 32, [0, 2])


def test_imagenet_p_refuses_other_layouts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"one folder per sequence; got {tmp_path} with none"):
        list_imagenet_p(tmp_path, CLASSES)
    write(tmp_path / "tilt/n05/a.mp4", gradient(2))
    with pytest.raises(ValueError, match=r"imagenet_p\.classes must be among the 2 .* got n05"):
        list_imagenet_p(tmp_path, CLASSES)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "cut after the index", "playlist"])
def test_read_video_names_a_damaged_file(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "a.mp4", gradient(6), movflags="faststart")
    data = path.read_bytes()
    content = {
        "empty": b"",
        "text": b"hello" * 50,
        "cut": data[:200],
        "cut after the index": data[:-100],
        "playlist": f"#EXTM3U\n#EXTINF:1,\n{write(tmp_path / 'b.mp4', gradient(2))}\n".encode(),
    }[damage]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"imagenet_p\.video must") as caught:
        read_video(path, 32)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_video_refuses_one_without_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", gradient(1, 16).repeat(MAX_FRAMES + 5, axis=0))
    with pytest.raises(ValueError, match=f"1 to {MAX_FRAMES}; got {MAX_FRAMES + 1} of"):
        read_video(path, 16)


def test_read_video_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"got {tmp_path}/gone.mp4")):
        read_video(tmp_path / "gone.mp4", 32)
