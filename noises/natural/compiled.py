"""The compiler of this package's loops."""

from metrics.compiled import compiled

__all__ = ["compiled"]
