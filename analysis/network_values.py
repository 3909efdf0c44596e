"""Everything that can be asked of the networks of a file by name, read only when it is asked for.

A name is a column of networks, a factor, a condition (accuracy under it) or an outcome of the plan
(an attack over its budgets, a family); where names meet, the first of these counts.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.counts import mean_of_counts, unknown_images, without_limits
from analysis.outcomes import Outcome, plan_outcomes
from analysis.scores import score
from analysis.tokens import QueryError
from metrics import Estimate, Floats
from sampling.store import DONE, Results

COLUMNS = (
    *("id", "family", "origin", "supernet", "technique", "seed", "design", "pair"),
    *("status", "failure", "weights", "architecture"),
)
_BLOCK_BYTES = 32 << 20  # bits of networks that are unpacked at a time

Rows = NDArray[np.int64]


class NetworkValues:
    """Columns, factors and outcomes of the N networks of an open results file."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self._estimates: dict[str, Estimate] = {}
        self._common: dict[tuple[int, ...], NDArray[np.intp]] = {}

    @cached_property
    def outcomes(self) -> dict[str, Outcome]:
        """Name to outcome: every condition by itself, then those of the plan."""
        conditions = self.results.conditions
        found = {
            str(name): Outcome(str(name), str(family), "mean", ((m,),), f"accuracy under {name}")
            for m, (name, family) in enumerate(
                zip(conditions["name"], conditions["family"], strict=True)
            )
        }
        plan = plan_outcomes(conditions)
        return found | {o.name: o for o in plan.outcomes if o.name not in found}

    @property
    def names(self) -> list[str]:
        """Every name there is."""
        return list(dict.fromkeys([*COLUMNS, *self.results.factor_units, *self.outcomes]))

    def is_outcome(self, name: str) -> bool:
        """Whether a name is an outcome, with an interval."""
        return self.known(name) not in COLUMNS and name not in self.results.factor_units

    def known(self, name: str) -> str:
        """The name.

        Raises:
            QueryError: There is none such; near ones are suggested.
        """
        if name in self.names:
            return name
        near = difflib.get_close_matches(name, self.names, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "See --names for all."
        raise QueryError(
            f"query.name must be a column, factor or outcome of the file; got {name!r}. {hint}"
        )

    def values(self, name: str) -> NDArray[Any]:
        """(N,) float64, or texts as objects; an outcome without its interval."""
        if self.is_outcome(name):
            return self.estimate(name, np.arange(self.results.size)).value
        if name in COLUMNS:
            column = self.results.network_column(name)
            return column if column.dtype == object else column.astype(np.float64)
        return self.results.factor(name)

    def estimate(self, name: str, rows: Rows) -> Estimate:
        """(n,) an outcome of some networks, NaN for those not evaluated.

        Shares in [0, 1], or percentage points for a deviation. As in the tables of the analysis,
        images count that were evaluated for every network that is done.

        Raises:
            QueryError: The outcome cannot be scored.
        """
        if name not in self._estimates:
            outcome = self.outcomes[self.known(name)]
            single = len(outcome.columns) == 1 and outcome.kind != "deviation"
            if single or self.results.counted():
                self._estimates[name] = self._from_counts(outcome)
            else:
                whole = np.array_equal(rows, np.arange(self.results.size))
                found = self._from_bits(outcome, rows)
                if not whole:
                    return found
                self._estimates[name] = found
        all_of_them = self._estimates[name]
        return Estimate(*(getattr(all_of_them, part)[rows] for part in ("value", "low", "high")))

    @cached_property
    def _counts(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return self.results.counts()

    @cached_property
    def _done(self) -> NDArray[np.bool_]:
        return np.asarray(self.results.network_column("status") == DONE)

    def _from_counts(self, outcome: Outcome) -> Estimate:
        found = mean_of_counts(outcome, *self._counts)
        if isinstance(found, str):
            raise QueryError(
                f"query.outcome must be one that can be scored; got {outcome.name}, which {found}. "
                "Choose single conditions."
            )
        unknown = unknown_images(self.results.conditions)[list(outcome.columns)].any()
        return without_limits(found, np.ones(1, np.bool_)) if unknown else found

    def _from_bits(self, outcome: Outcome, rows: Rows) -> Estimate:
        """Scores of some networks, some at a time."""
        columns = list(outcome.columns)
        places = {column: place for place, column in enumerate(columns)}
        cells = tuple(tuple(places[c] for c in cell) for cell in outcome.cells)
        local = replace(outcome, cells=cells)
        names = [str(self.results.conditions["name"][c]) for c in columns]
        out = Estimate(*(np.full(len(rows), np.nan) for _ in range(3)))
        images = self._common_images(tuple(columns), names)
        if len(images) < 2:
            raise QueryError(
                f"query.outcome must be one that can be scored; got {outcome.name}: fewer than two "
                "images were evaluated for every network. Choose single conditions."
            )
        known = np.flatnonzero(self._done[rows])
        for part in self._blocks(known, len(columns)):
            self._score(local, names, images, (rows[part], part), out)
        return out

    def _score(
        self,
        outcome: Outcome,
        names: Sequence[str],
        images: NDArray[np.intp],
        where: tuple[Rows, NDArray[np.intp]],
        out: Estimate,
    ) -> None:
        """Puts the scores of the networks `where[0]` at the places `where[1]`."""
        correct = self.results.correct(names, where[0])[..., images]
        scored = score(outcome, np.ones_like(correct), correct)
        if isinstance(scored, str):
            raise QueryError(
                f"query.outcome must be one that can be scored; got {outcome.name}: {scored}. "
                "Choose another."
            )
        for part in ("value", "low", "high"):
            target: Floats = getattr(out, part)
            target[where[1]] = getattr(scored.estimate, part)

    def _blocks(self, rows: NDArray[np.intp], columns: int) -> Iterator[NDArray[np.intp]]:
        """Row numbers, so many at a time that their bits fit the memory."""
        images = self.results.image_set().images
        step = max(1, _BLOCK_BYTES // max(1, columns * images))
        for start in range(0, len(rows), step):
            yield rows[start : start + step]

    def _common_images(self, columns: tuple[int, ...], names: list[str]) -> NDArray[np.intp]:
        """Positions of the images evaluated for every network that is done."""
        if columns not in self._common:
            images = self.results.image_set().images
            common = np.ones(images, np.bool_)
            if (self._counts[0][self._done][:, columns] < images).any():
                for block in self._blocks(np.flatnonzero(self._done), len(columns)):
                    common &= self.results.evaluated(names, block).all(axis=(0, 1))
            self._common[columns] = np.flatnonzero(common)
        return self._common[columns]
