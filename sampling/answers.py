"""What a network answers: finite logits, the class they name, and how sure they are of it."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def finite_logits(network: nn.Module, images: Tensor) -> Tensor:
    """(B, K) logits of a network in eval mode for (B, 3, s, s) images, on their device.

    Raises:
        ValueError: One of them is NaN or infinite.
    """
    with torch.no_grad():
        logits: Tensor = network(images)
    if not bool(logits.isfinite().all()):
        raise ValueError("Network.outputs must be finite; got NaN or infinity.")
    return logits


def confident_class(
    logits: Tensor, covered: Sequence[int] = ()
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Predicted class (B,) and its softmax (B,), as `metrics.confident_class`, where logits lie.

    Args:
        logits: (B, K), finite.
        covered: Ascending classes that are judged; all when empty. Of equal logits the first wins.
    """
    among = (logits[:, list(covered)] if covered else logits).double()
    best, place = among.max(1)
    confidence: NDArray[np.float64] = (best - among.logsumexp(1)).exp().cpu().numpy()
    classes: NDArray[np.int64] = place.cpu().numpy()
    return (np.array(covered)[classes] if covered else classes), confidence
