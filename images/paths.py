"""Paths in data specifications; quick to import."""

from pathlib import Path


def data_path(where: str) -> Path:
    """The absolute path that a specification names, ~ expanded.

    Raises:
        ValueError: There is no such user.
    """
    try:
        return Path(where).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"data.path must exist; got {where} ({error}). Spell it out.") from error
