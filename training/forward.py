"""What an objective may call: a network under training, its dropping and its precision.

The same class serves a network of its own and one slice of a supernet, so an objective that attacks
what it is given attacks exactly the network that learns.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from training.regularisation import Drops

PRECISIONS: dict[str, torch.dtype | None] = {"float32": None, "bfloat16": torch.bfloat16}
"""Name to the type of autocast; float16 is left out, as it needs the loss scaled."""


class Forward(nn.Module):
    """Images (B, 3, s, s) to float32 logits (B, K) of one network.

    In train mode parts are dropped; in eval mode nothing is, and the network's own modules are in
    eval mode too. `answer` keeps the logits of the clean images for whoever learns from them.

    Args:
        network: Called with the images and `arguments`.
        arguments: What else the network takes, for instance an architecture.
        drops: What is dropped in train mode; the network must take an argument `drops` for it.
        precision: A key of `PRECISIONS`.

    Raises:
        ValueError: There is something to drop and the network cannot drop.
    """

    def __init__(
        self,
        network: nn.Module,
        *arguments: Any,
        drops: Drops | None = None,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        if drops is not None and "drops" not in inspect.signature(network.forward).parameters:
            raise ValueError(
                "Forward.network must take an argument drops to learn with dropout or drop_path; "
                f"got {type(network).__name__}. Leave these techniques out."
            )
        self.network, self.arguments, self.drops = network, arguments, drops
        self.dtype = PRECISIONS[precision]
        self._seen: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, K), differentiable."""
        named = {"drops": self.drops} if self.drops is not None and self.training else {}
        with torch.autocast(x.device.type, self.dtype, self.dtype is not None):
            logits: Tensor = self.network(x, *self.arguments, **named)
        if self.dtype is not None:
            logits = logits.float()
        if self.training:
            self._seen = x, logits.detach()
        return logits

    def answer(self, images: Tensor) -> Tensor:
        """Logits (B, K) of images without gradient: those of the last pass, if it was over them."""
        if self._seen is not None and self._seen[0] is images:
            return self._seen[1]
        with torch.no_grad():
            logits: Tensor = self(images)
        return logits


@contextmanager
def evaluating(forward: Any) -> Iterator[None]:
    """Eval mode inside, where `forward` is a module in train mode; train mode again afterwards."""
    module = forward if isinstance(forward, nn.Module) and forward.training else None
    if module is not None:
        module.eval()
    try:
        yield
    finally:
        if module is not None:
            module.train()
