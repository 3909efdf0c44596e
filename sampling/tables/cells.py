"""Text that a spreadsheet would take for a formula, written so that it does not.

A cell of text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is run as a formula
by spreadsheets (OWASP, "CSV injection"). It is written behind an apostrophe. So that reading gives
back what was written, text that itself begins with apostrophes before such a character gets one
more; reading takes one off. Only text is treated so: numbers keep their sign, and Parquet files are
written as they are.
"""

import re

_GUARDED = re.compile(r"'*[=+\-@\t\r]")


def guard(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it."""
    return f"'{text}" if _GUARDED.match(text) else text


def unguard(text: str) -> str:
    """The inverse of `guard`; text that was never guarded stays as it is."""
    return text[1:] if text.startswith("'") and _GUARDED.match(text, 1) else text
