"""Signs of life of whoever works on a network: every forward pass is one.

A worker whose network answers is no worker that hangs, however long an evaluation takes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

EVERY = 1.0
"""Seconds between two signs, at least."""


@contextmanager
def signs(report: Callable[[Any], None], every: float = EVERY) -> Iterator[None]:
    """Inside, calls `report` with None as modules are run, at most once in `every` seconds."""
    last = time.monotonic()

    def sign(_: nn.Module, __: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every:
            last = now
            report(None)

    hook = register_module_forward_pre_hook(sign)
    try:
        yield
    finally:
        hook.remove()
