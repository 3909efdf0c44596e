"""Which choices make an image network robust, to what kind of noise, and how sure are we.

`robustscope.open_results(path)` opens a results file as a lazy table;
`robustscope.evaluate(network, data, protocol)` says what a network of yours does under noise.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robustscope.own_evaluation import evaluate
    from sampling.store import open_results

__version__ = "0.2.0"

__all__ = ["evaluate", "open_results"]


def __getattr__(name: str) -> Any:
    """Import lazily: `import robustscope` stays quick."""
    if name == "open_results":
        from sampling.store import open_results

        return open_results
    if name == "evaluate":
        from robustscope.own_evaluation import evaluate

        return evaluate
    raise AttributeError(f"module 'robustscope' has no attribute {name!r}")
