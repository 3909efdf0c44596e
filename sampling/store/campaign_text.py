"""A campaign as text and back, so that a journal can be exported without what it was made with."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from .checks import StoreError
from .records import Campaign, Condition, SequenceRecord, SetRecord

NAME = "campaign"
"""Of the note in a journal."""


def campaign_to_text(campaign: Campaign) -> str:
    """Canonical JSON of a campaign."""
    return json.dumps(asdict(campaign), sort_keys=True, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(type(value).__name__)


def campaign_from_text(text: str) -> Campaign:
    """The inverse of `campaign_to_text`.

    Raises:
        StoreError: The text is none of a campaign.
    """
    try:
        data = json.loads(text)
        data["conditions"] = tuple(Condition(**c) for c in data["conditions"])
        data["sets"] = tuple(SetRecord(**_fixed(s)) for s in data["sets"])
        data["sequence_sets"] = tuple(SequenceRecord(**_fixed(s)) for s in data["sequence_sets"])
        return Campaign(**_fixed(data))
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"Journal.campaign must be the JSON of a campaign; got another text ({error}). "
            "Run robustscope run once more, which writes it."
        ) from error


def _fixed(data: dict[str, Any]) -> dict[str, Any]:
    """Lists as the tuples and labels as the array that they were."""
    fixed = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
    return fixed | {"labels": np.array(data["labels"], dtype=np.int64)}
