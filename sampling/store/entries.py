"""What the writer knows of every network before it writes any: checked, sorted, without arrays."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .checks import StoreError, check_network, check_text
from .layers import LAYERS, SEQUENCE_LAYERS
from .outcome_checks import check_fit, check_outcome, layers_of
from .records import DONE, FAILED, PENDING, Campaign, Network, Outcome

FAILURE_LIMIT = 2000  # characters of a failure that the file keeps; the journal keeps all

Rows = Sequence[tuple[Network, Outcome | None, str, str]]
"""(network, outcome, status, failure); each is asked for twice, and none is kept."""


@dataclass(frozen=True)
class Entry:
    """One network without its arrays.

    Attributes:
        network: What was drawn.
        status: "done", "failed" or "pending".
        failure: Why it failed, cut.
        number: Of its row among those given.
        weights: Of its outcome, "" without one.
        alarms: Of its outcome.
        seconds: Of its outcome.
        layers: (set, layer) of the optional arrays its outcome has.
    """

    network: Network
    status: str
    failure: str
    number: int
    weights: str = ""
    alarms: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    seconds: float = np.nan
    layers: frozenset[tuple[str, str]] = frozenset()

    @property
    def sort_key(self) -> tuple[str, str, str, str, int, str]:
        """The order of rows in the file."""
        n = self.network
        return (n.id, n.origin, n.supernet, n.technique, n.seed, self.weights)


def sorted_entries(campaign: Campaign, rows: Rows) -> list[Entry]:
    """Every row checked, in the order of the file.

    Raises:
        StoreError: There is none, one is there twice, or a row does not fit the campaign.
    """
    return sort_entries(_entry(campaign, number, *row) for number, row in enumerate(rows))


def sort_entries(unsorted: Iterable[Entry]) -> list[Entry]:
    """Entries in the order of the file.

    Raises:
        StoreError: There is none, or one is there twice.
    """
    entries = sorted(unsorted, key=lambda entry: entry.sort_key)
    if not entries:
        raise StoreError("write_results.rows must not be empty; got none. Evaluate a network.")
    for first, second in itertools.pairwise(entries):
        if first.sort_key == second.sort_key:
            raise StoreError(
                f"write_results.rows must hold every network once; got {first.network.key} "
                "twice. Drop one."
            )
    return entries


def _entry(
    campaign: Campaign,
    number: int,
    network: Network,
    outcome: Outcome | None,
    status: str,
    failure: str,
) -> Entry:
    check_network(network)
    check_text("write_results.failure", failure)
    check_units(campaign, network)
    if status not in (DONE, FAILED, PENDING) or (outcome is None) == (status == DONE):
        raise StoreError(
            f"write_results.rows must hold an outcome exactly when the status is 'done'; got "
            f"{status!r} {'without' if outcome is None else 'with'} one for {network.key}. "
            "Correct the status."
        )
    if outcome is None:
        return Entry(network, status, failure[:FAILURE_LIMIT], number)
    check_outcome(network.key, outcome)
    check_fit(campaign, network.key, outcome)
    alarms = {name: np.asarray(v, dtype=np.float64) for name, v in outcome.alarms.items()}
    layers = _layers(campaign.image_set, outcome)
    return Entry(network, status, "", number, outcome.weights, alarms, outcome.seconds, layers)


def check_units(campaign: Campaign, network: Network) -> None:
    """Refuses a factor without a unit."""
    unknown = set(network.factors) - set(campaign.factor_units)
    if unknown:
        raise StoreError(
            f"Campaign.factor_units must name the unit of every factor; got none for "
            f"{sorted(unknown)}. Add it, '1' where there is none."
        )


def _layers(image_set: str, outcome: Outcome) -> frozenset[tuple[str, str]]:
    found = {image_set: layers_of(outcome.main, LAYERS)}
    found |= {name: layers_of(other, LAYERS) for name, other in outcome.others.items()}
    found |= {name: layers_of(said, SEQUENCE_LAYERS) for name, said in outcome.sequences.items()}
    return frozenset((name, layer) for name, layers in found.items() for layer in layers)
