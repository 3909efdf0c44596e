"""Progress bars with the time left, on the error stream."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Never, TypeVar

from tqdm import tqdm

T = TypeVar("T")

FORMAT = (
    "{desc:<10} {percentage:3.0f}% |{bar:24}| {n_fmt}/{total_fmt} {unit}, "
    "{elapsed} spent, {remaining} left{postfix}"
)


_shown: "weakref.WeakSet[tqdm[Never]]" = weakref.WeakSet()


def close_bars() -> None:
    """End whatever bar is still drawn, so that what is printed next has a line of its own."""
    for bar in list(_shown):
        bar.close()


class Progress:
    """Draws one bar at a time.

    Args:
        quiet: Draw nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    @contextmanager
    def bar(self, what: str, total: int, unit: str, done: int = 0) -> Iterator["tqdm[Never]"]:
        """A bar of `total` steps of which `done` were done before."""
        with tqdm(
            total=total,
            desc=what,
            unit=unit,
            bar_format=FORMAT,
            disable=self.quiet,
            mininterval=0.5,
            smoothing=0.0,  # the mean rate: steps come in bursts from several workers
            dynamic_ncols=True,
            initial=done,
        ) as bar:
            _shown.add(bar)
            yield bar

    def track(self, items: Iterable[T], total: int, what: str) -> Iterator[T]:
        """The items, with a bar."""
        with self.bar(what, total, "files") as bar:
            for item in items:
                yield item
                bar.update()

    def steps(self, what: str) -> Callable[[Sequence[str]], Iterator[str]]:
        """Passes named steps on, with a bar that names the one under way."""

        def track(names: Sequence[str]) -> Iterator[str]:
            with self.bar(what, len(names), "steps") as bar:
                for name in names:
                    bar.set_postfix_str(name)
                    yield name
                    bar.update()

        return track
