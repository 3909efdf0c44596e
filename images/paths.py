"""Paths in data specifications; quick to import."""

from pathlib import Path


def is_utf8(text: str) -> bool:
    """Whether a name from the file system is UTF-8; other bytes become lone surrogates."""
    return text == text.encode(errors="replace").decode()


def data_path(where: str) -> Path:
    """The absolute path that a specification names, ~ expanded.

    Raises:
        ValueError: There is no such user.
    """
    try:
        return Path(where).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"data.path must exist; got {where} ({error}). Spell it out.") from error
