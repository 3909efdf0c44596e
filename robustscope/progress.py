"""Progress bars with the time left, on the error stream."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

FORMAT = "{desc:<12} {percentage:3.0f}% |{bar:28}| {n_fmt}/{total_fmt} {unit} {elapsed}<{remaining}{postfix}"


class Progress:
    """Draws one bar at a time.

    Args:
        quiet: Draw nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    @contextmanager
    def bar(self, what: str, total: int, unit: str, done: int = 0) -> Iterator["tqdm[None]"]:
        """A bar of `total` steps of which `done` were done before."""
        bar: tqdm[None] = tqdm(
            total=total,
            desc=what,
            unit=unit,
            bar_format=FORMAT.replace(" {unit}", f" {unit} "),
            disable=self.quiet,
            mininterval=0.5,
            dynamic_ncols=True,
            initial=done,
        )
        with bar:
            yield bar

    def track(self, items: Iterable[T], total: int, what: str) -> Iterator[T]:
        """The items, with a bar."""
        with self.bar(what, total, "items") as bar:
            for item in items:
                yield item
                bar.update()
