"""How sure an estimate is when its networks come in units and all are judged on the same images.

Whatever solves a sum of equations over networks, sum_i psi_i(theta, y_i) = 0 with y_i a mean over
images, is to first order a sum of what every unit and every image contribute. Units are drawn and
images are drawn, so the variance has a part of each; the luck of single networks on single images
is in both parts and is taken off once (Cameron, Gelbach and Miller 2011, two-way clustering). Units
are left out one at a time, in one step: for least squares and independent networks that is HC3
(MacKinnon and White 1985), for clusters CR3 (Bell and McCaffrey 2002). Degrees of freedom after
Satterthwaite (1946).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from metrics import LEVEL, Floats

BLOCK = 2_000_000  # numbers at a time: bounds the memory
DECIDES = 1e7  # growth of the inverse by which leaving a unit out makes an equation unsolvable


@dataclass(frozen=True)
class Equations:
    """Estimating equations of n networks at their solution.

    Attributes:
        scores: (n, P) psi of each network; they sum to 0.
        curvature: (n, P, P) minus its derivative by theta.
        shifts: Pairs of (n, P) the derivative of psi by something measured on images, and (n, J)
            how far each image's value of it is from the mean over images.
        gradient: (Q, P) what is wanted, as a linear form of theta.
        own: (n, Q) what each network adds to what is wanted beyond theta; of mean 0.
    """

    scores: Floats
    curvature: Floats
    shifts: Sequence[tuple[Floats, Floats]]
    gradient: Floats
    own: Floats | None = None


@dataclass(frozen=True)
class Crossed:
    """Q estimates with their errors.

    Attributes:
        estimate: (Q,) values.
        units: (Q, Q) covariance over draws of design units.
        images: (Q, Q) covariance over draws of images.
        cells: (Q, Q) part that is in both, from the luck of single networks on single images.
        n_units: Number of design units.
        n_images: Number of images.
    """

    estimate: Floats
    units: Floats
    images: Floats
    cells: Floats
    n_units: int
    n_images: int
    _covariance: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        whole = self.cells + _positive(self.units - self.cells)
        object.__setattr__(self, "_covariance", whole + _positive(self.images - self.cells))

    @property
    def covariance(self) -> Floats:
        """(Q, Q) covariance over both draws; neither source counts less than the luck in it."""
        return self._covariance

    @property
    def errors(self) -> Floats:
        """(Q,) standard errors."""
        found: Floats = np.sqrt(np.diag(self.covariance))
        return found

    @property
    def degrees(self) -> Floats:
        """(Q,) degrees of freedom of Student's t."""
        of_units, of_images, of_cells = (
            np.diag(part) ** 2 for part in (self.units, self.images, self.cells)
        )
        u, j = max(self.n_units - 1, 1), max(self.n_images - 1, 1)
        doubt = of_units / u + of_images / j + of_cells / (u * j)
        found = np.diag(self.covariance) ** 2 / np.maximum(doubt, 1e-300)
        return np.asarray(np.clip(found, 1.0, max(u, j)), dtype=np.float64)

    @property
    def reach(self) -> Floats:
        """(Q,) half-widths of the 95 % intervals."""
        quantile = np.asarray(stats.t.ppf((1 + LEVEL) / 2, self.degrees), dtype=np.float64)
        half: Floats = quantile * self.errors
        return half

    @property
    def p(self) -> Floats:
        """(Q,) two-sided p values of no effect."""
        t = np.abs(self.estimate) / np.maximum(self.errors, 1e-300)
        return np.asarray(2 * stats.t.sf(t, self.degrees), dtype=np.float64)

    def joint(self) -> tuple[float, float]:
        """Wald's F that all Q are 0, and its p value; the least degrees of freedom of the Q."""
        q = len(self.estimate)
        f = float(self.estimate @ np.linalg.pinv(self.covariance) @ self.estimate) / q
        return f, float(stats.f.sf(f, q, float(self.degrees.min())))


def crossed(estimate: Floats, made: Equations, units: NDArray[np.intp]) -> Crossed | str:
    """Errors of estimates over units and images, or in words why there are none.

    Args:
        estimate: (Q,) values of what is wanted.
        made: The equations that gave them.
        units: (n,) design unit of each network.
    """
    found, place = np.unique(units, return_inverse=True)
    p, u = made.scores.shape[1], len(found)
    curvature, scores = np.zeros((u, p, p)), np.zeros((u, p))
    np.add.at(curvature, place, made.curvature)
    np.add.at(scores, place, made.scores)
    whole = curvature.sum(0)
    try:
        inverse = np.linalg.inv(whole)
        without = np.linalg.inv(whole - curvature)
    except np.linalg.LinAlgError:
        return "one design unit alone decides an effect"
    if np.abs(without).max() > DECIDES * np.abs(inverse).max():
        return "one design unit alone decides an effect"
    towards = made.gradient @ without  # (U, Q, P)
    by_unit = np.einsum("uqp,up->uq", towards, scores)
    if made.own is not None:
        np.add.at(by_unit, place, made.own / len(made.own))
    moved = [slope.T @ away for slope, away in made.shifts]
    by_image: Floats = inverse @ np.sum(moved, axis=0)  # (P, J)
    j = by_image.shape[1]
    spread = made.gradient @ by_image
    return Crossed(
        estimate=estimate,
        units=by_unit.T @ by_unit,
        images=spread @ spread.T / (j * (j - 1)),
        cells=_cells(made, place, towards, curvature, by_image) / (j * (j - 1)),
        n_units=u,
        n_images=j,
    )


def _cells(
    made: Equations, place: NDArray[np.intp], towards: Floats, curvature: Floats, by_image: Floats
) -> Floats:
    """(Q, Q) sum over units and images of products of what neither explains alone."""
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(towards)))
    q = towards.shape[1]
    pulled = [
        (np.einsum("nqp,np->nq", towards[place], slope)[order], away) for slope, away in made.shifts
    ]
    explained = towards @ curvature  # (U, Q, P)
    total = np.zeros((q, q))
    for part in _blocks(by_image.shape[1], len(place) * q):
        rest = np.stack(
            [
                np.add.reduceat(
                    sum(slope[:, k, None] * away[order, part] for slope, away in pulled), starts
                )
                - explained[:, k] @ by_image[:, part]
                for k in range(q)
            ]
        ).reshape(q, -1)
        total += rest @ rest.T
    return total


def _blocks(images: int, each: int) -> Iterator[slice]:
    """Slices of images of which so many fit the memory."""
    step = max(1, BLOCK // max(1, each))
    for start in range(0, images, step):
        yield slice(start, min(images, start + step))


def _positive(matrix: Floats) -> Floats:
    """The nearest matrix without negative variances in any direction."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    kept: Floats = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return kept
