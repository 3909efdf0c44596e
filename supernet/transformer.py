"""The layers of a vision transformer, sized by their parameters alone, so that slices of them run.

A smaller layer has the leading channels, heads and hidden units of the largest, as in Chen et al.,
"AutoFormer", ICCV 2021. Patches of all sizes share one kernel and one table of positions, resized
as in Beyer et al., "FlexiViT", CVPR 2023: the kernel by the pseudo-inverse of the resize of the
image, so that a larger patch says of an enlarged image what the smaller one says of the image.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_space.layout import Attention, Patches, Perceptron, TokenMean


class TokenNorm(nn.LayerNorm):
    """LayerNorm over as many channels as it has weights."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis of (B, T, C)."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class PatchEmbedding(nn.Module):
    """Images (B, 3, s, s) to tokens (B, T, C), one for each patch, positions added."""

    def __init__(self, op: Patches) -> None:
        super().__init__()
        width, patch, grid = int(op.width), int(op.kernel), int(op.size)
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.positions = nn.Parameter(waves(width, grid))

    def forward(self, x: Tensor) -> Tensor:
        """Cut into patches, embed, add the positions."""
        maps: Tensor = self.patches(x) + self.positions
        return maps.flatten(2).transpose(1, 2)


def waves(width: int, grid: int) -> Tensor:
    """(width, grid, grid) sines and cosines of both coordinates, mean square 1; then learned.

    As in Beyer et al., "Better plain ViT baselines for ImageNet-1k", 2022, but as large as what is
    embedded, with wavelengths from 2 pi to almost 200 pi tokens, the longest last, so that the
    leading channels tell most. From small random positions, short trainings never learn places.
    """
    rates = 100.0 ** (-torch.arange(-(-width // 4)) / (width / 4))
    angles = rates[:, None] * torch.arange(grid)  # (width / 4, grid)
    rows, columns = angles[:, :, None], angles[:, None, :]
    parts = (rows.sin(), rows.cos(), columns.sin(), columns.cos())
    table = torch.stack([part.expand(-1, grid, grid) for part in parts], 1)
    return 2**0.5 * table.flatten(0, 1)[:width]


class Gather(nn.Module):
    """What every query gathers: softmax of its products with the keys, times the values."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, heads, T, head_size) of three alike."""
        return F.scaled_dot_product_attention(query, key, value)


class SelfAttention(nn.Module):
    """Tokens (B, T, C) to what every token gathers from all of them."""

    def __init__(self, op: Attention) -> None:
        super().__init__()
        width, inner = int(op.width), int(op.heads) * op.head_size
        self.head_size = op.head_size
        self.norm = TokenNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, inner) for _ in range(3))
        self.gather = Gather()
        self.out = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, attend, combine the heads."""
        x = self.norm(x)
        projections = (self.query(x), self.key(x), self.value(x))
        heads = (p.unflatten(2, (-1, self.head_size)).transpose(1, 2) for p in projections)
        gathered = self.gather(*heads)  # (B, heads, T, head_size)
        combined: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return combined


class TokenPerceptron(nn.Module):
    """Tokens (B, T, C) through two linear layers, each by itself."""

    def __init__(self, op: Perceptron) -> None:
        super().__init__()
        width, hidden = int(op.width), int(op.hidden)
        self.norm = TokenNorm(width)
        self.expand, self.project = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, expand, GELU, project."""
        projected: Tensor = self.project(F.gelu(self.expand(self.norm(x))))
        return projected


class MeanToken(nn.Module):
    """Tokens (B, T, C) to features (B, C)."""

    def __init__(self, op: TokenMean) -> None:
        super().__init__()
        self.norm = TokenNorm(int(op.width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise and average."""
        normal: Tensor = self.norm(x)
        return normal.mean(1)


class SharedPatches(nn.Module):
    """The finest patch embedding; coarser ones are resized from it, narrower ones lead it."""

    def __init__(self, op: Patches) -> None:
        super().__init__()
        self.layer = PatchEmbedding(op)

    def sliced(self, op: Patches) -> dict[str, Tensor]:
        """Parameters of the embedding with larger patches and fewer channels, by their names."""
        width, patch, grid = int(op.width), int(op.kernel), int(op.size)
        whole = {name: value[:width] for name, value in self.layer.named_parameters()}
        weight, positions = whole["patches.weight"], whole["positions"]
        if patch != weight.shape[-1]:
            inverse = resize_inverse(weight.shape[-1], patch, weight.dtype, weight.device)
            whole["patches.weight"] = inverse @ weight @ inverse.T
        if grid != positions.shape[-1]:
            size = (grid, grid)
            resized = F.interpolate(positions[None], size, mode="bilinear", antialias=True)
            whole["positions"] = resized[0]
        return whole

    def forward(self, x: Tensor, op: Patches) -> Tensor:
        """Embed with the larger patches."""
        own = self.sliced(op)
        stride = int(op.kernel)
        maps = F.conv2d(x, own["patches.weight"], own["patches.bias"], stride) + own["positions"]
        return maps.flatten(2).transpose(1, 2)

    def spawn(self, op: Patches) -> PatchEmbedding:
        """The embedding with weights of its own."""
        layer = PatchEmbedding(op)
        layer.load_state_dict({name: value.detach() for name, value in self.sliced(op).items()})
        return layer


@lru_cache
def resize_inverse(small: int, large: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(large, small) pseudo-inverse of the bilinear enlargement along one axis, transposed.

    With R the enlargement (large, small), a kernel K is resized to P K P' with P' R = 1, so that
    its product with an enlarged image is that of K with the image.
    """
    with torch.inference_mode(False):  # kept for later calls, which may need gradients
        eye = torch.eye(small, dtype=torch.float64)[None, None]
        enlarged = F.interpolate(eye, (large, small), mode="bilinear")[0, 0]
        inverse: Tensor = torch.linalg.pinv(enlarged)
        return inverse.T.to(device, dtype)
