"""Training techniques: one table of their names, how they are written, and which go together.

A technique is written by its name, "adamw", or with other parameters, "adamw:rate=0.001,decay=0.1";
a single value without a name belongs to the first parameter, "dropout:0.3". Every kind has its own
table, to which a new one is added.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any, ClassVar

from training.augmentation.protocol import Augmentation
from training.augmentation.table import AUGMENTATIONS
from training.averaging import AVERAGINGS, Averaging
from training.contrastive import PRETRAININGS, SimCLR
from training.objectives import OBJECTIVES, CrossEntropy, Objective
from training.optimizers import OPTIMIZERS, SGD, OptimizerChoice
from training.regularisation import REGULARISATIONS, SETTINGS, Dropout, DropPath, Kurtosis


@dataclass(frozen=True)
class ExtraData:
    """A second data set, concatenated to the training images.

    Attributes:
        data: Its specification, for instance "folder:PATH"; the same classes in the same order.
    """

    name: ClassVar[str] = "extra"
    data: str = ""


@dataclass(frozen=True)
class KernelTransform:
    """Smaller kernels of a supernet are learned maps of the centre of larger ones.

    Cai et al., "Once-for-All", ICLR 2020, section 3.3. Networks trained alone have nothing to map.
    """

    name: ClassVar[str] = "kernel_transform"


KINDS: dict[str, dict[str, Any]] = {
    "augmentation": dict(AUGMENTATIONS),
    "objective": dict(OBJECTIVES),
    "optimizer": dict(OPTIMIZERS),
    "averaging": dict(AVERAGINGS),
    "regularisation": dict(REGULARISATIONS),
    "setting": dict(SETTINGS),
    "pretraining": dict(PRETRAININGS),
    "data": {"extra": ExtraData()},
    "sharing": {"kernel_transform": KernelTransform()},
}
"""Kind to its table."""

TECHNIQUES: dict[str, Any] = {name: t for table in KINDS.values() for name, t in table.items()}
"""Name to technique, of all kinds."""

EXCLUSIVE: tuple[frozenset[str], ...] = (
    *(frozenset(KINDS[kind]) for kind in ("objective", "optimizer", "averaging", "pretraining")),
    frozenset({"mixup", "cutmix", "mixup_cutmix"}),
    frozenset({"rand_augment", "auto_augment", "trivial_augment", "augmix", "augmix_jsd"}),
    frozenset({"label_smoothing", "without_label_smoothing"}),
    # AdamW and Lion have a decay of their own, of another kind
    *(frozenset({"weight_decay", "without_weight_decay", name}) for name in ("adamw", "lion")),
)
"""Of each of these at most one may be chosen."""

ORDER: tuple[frozenset[str], ...] = (
    frozenset({"random_erasing", "cutout"}),
    frozenset({"mixup", "cutmix", "mixup_cutmix"}),
)
"""Augmentations that follow all others, in this order."""


@dataclass(frozen=True)
class Chosen:
    """What a list of techniques comes to.

    Attributes:
        augmentations: Applied in order.
        objective: What every network minimises.
        optimizer: Makes the steps.
        averaging: Makes the weights that are evaluated, None for the last ones.
        regularisations: What is dropped or penalised.
        settings: What replaces fields of the recipe.
        pretraining: A phase before, or None.
        extra: Specifications of further training data.
        kernel_transform: Whether a supernet learns maps of its kernels.
    """

    augmentations: tuple[Augmentation, ...]
    objective: Objective
    optimizer: OptimizerChoice
    averaging: Averaging | None
    regularisations: tuple[Dropout | DropPath | Kurtosis, ...]
    settings: dict[str, float]
    pretraining: SimCLR | None
    extra: tuple[str, ...]
    kernel_transform: bool

    @property
    def rates(self) -> tuple[float, float]:
        """Rates of dropout and of drop path, 0 when they are not chosen."""
        found = {r.name: r.rate for r in self.regularisations if not isinstance(r, Kurtosis)}
        return found.get("dropout", 0.0), found.get("drop_path", 0.0)


def read_technique(spec: str) -> tuple[str, Any]:
    """Name and value of one specification.

    Raises:
        ValueError: No such technique or parameter, or a value that does not fit it.
    """
    name, colon, rest = spec.partition(":")
    if name not in TECHNIQUES:
        raise ValueError(
            f"Recipe.techniques must be among {', '.join(TECHNIQUES)}; got {name!r}. "
            "Write NAME or NAME:key=value,key=value."
        )
    technique = TECHNIQUES[name]
    if not colon:
        return name, technique
    names = [field.name for field in fields(technique)]
    pairs = [part.split("=", 1) for part in rest.split(",")]
    if "=" not in rest and names:
        pairs = [[names[0], rest]]
    changed = {}
    for pair in pairs:
        known = len(pair) == 2 and pair[0] in names
        kind = type(getattr(technique, pair[0])) if known else None
        if kind not in (int, float, str):
            raise ValueError(
                f"Recipe.techniques must give {name} parameters among {', '.join(names) or 'none'} "
                f"as key=value; got {'='.join(pair)!r}. Correct it or leave it out."
            )
        try:
            changed[pair[0]] = kind(pair[1])
        except ValueError as error:
            raise ValueError(
                f"Recipe.techniques must give {name}'s {pair[0]} as {kind.__name__}; "
                f"got {pair[1]!r}. Correct it."
            ) from error
    return name, replace(technique, **changed)


def check_together(names: Sequence[str]) -> None:
    """Refuse techniques that are named twice, exclude each other or come in the wrong order.

    Raises:
        ValueError: Names the two.
    """
    for i, name in enumerate(names):
        for earlier in names[:i]:
            if earlier == name and name != "extra":
                raise ValueError(
                    f"Recipe.techniques must name each once; got {name} twice. Leave one out."
                )
            if earlier != name and any({earlier, name} <= group for group in EXCLUSIVE):
                raise ValueError(
                    "Recipe.techniques must not exclude each other; got "
                    f"{earlier} and {name}. Leave one out."
                )
            if name in AUGMENTATIONS and _turn(earlier) > _turn(name):
                raise ValueError(
                    f"Recipe.techniques must have {earlier} after {name}; got {earlier} first. "
                    "Erasing and mixing come last."
                )


def _turn(name: str) -> int:
    return next((i for i, group in enumerate(ORDER, 1) if name in group), 0)


@lru_cache
def choose(specs: tuple[str, ...]) -> Chosen:
    """What a list of techniques comes to.

    Raises:
        ValueError: One is unknown or wrong, or they do not go together.
    """
    read = [read_technique(spec) for spec in specs]
    check_together([name for name, _ in read])

    def of(kind: str) -> tuple[Any, ...]:
        return tuple(value for name, value in read if name in KINDS[kind])

    return Chosen(
        augmentations=of("augmentation"),
        objective=next(iter(of("objective")), CrossEntropy()),
        optimizer=next(iter(of("optimizer")), SGD()),
        averaging=next(iter(of("averaging")), None),
        regularisations=of("regularisation"),
        settings={k: v for value in of("setting") for k, v in asdict(value).items()},
        pretraining=next(iter(of("pretraining")), None),
        extra=tuple(value.data for value in of("data")),
        kernel_transform=bool(of("sharing")),
    )
