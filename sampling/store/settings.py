"""Settings as canonical JSON, and the first place where two of them differ."""

import json
from typing import Any

from .checks import StoreError


def canonical(settings: str) -> str:
    """The same settings with sorted keys and no spaces, so that equal settings are equal text.

    Raises:
        StoreError: `settings` is not JSON.
    """
    try:
        value = json.loads(settings)
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"Journal.settings must be JSON; got {settings!r} ({error}). Pass json.dumps(settings)."
        ) from error
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def first_difference(old: str, new: str) -> tuple[str, str, str] | None:
    """(name, old value, new value) of the first setting that differs, None when none does.

    The name leads into nested settings, for instance "protocol.seeds[2]"; a setting that one side
    lacks has the value "absent".
    """
    return _compare("", json.loads(old), json.loads(new))


def _compare(name: str, old: Any, new: Any) -> tuple[str, str, str] | None:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            below = f"{name}.{key}" if name else key
            if key not in old or key not in new:
                return below, _show(old, key), _show(new, key)
            if found := _compare(below, old[key], new[key]):
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        return next(filter(None, (_compare(f"{name}[{i}]", *p) for i, p in enumerate(pairs))), None)
    left, right = json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True)
    return None if left == right else (name or "settings", _short(left), _short(right))


def _show(settings: dict[str, Any], key: str) -> str:
    return _short(json.dumps(settings[key])) if key in settings else "absent"


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
