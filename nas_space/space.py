"""Search spaces: genes, choices and what makes a combination canonical.

All convolutional families share one vocabulary of genes: the input `resolution`, the `stem.kernel`,
and per stage a `width` (channels) and a `depth` (blocks), per block a `kernel` (pixels) and an
`expand` (hidden channels over channels, in thousandths). A block beyond its stage's depth does not
exist, and neither do its genes. Some spaces also offer a `stem.width`, the `head.width` of a last
convolution, and a `head.depth` of hidden linear layers with their `head.features`. A transformer
has a `patch` (pixels), one stage whose `width` is the embedding, and per block `heads` in place of
the `kernel`; `expand` is its MLP ratio.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from nas_space.architecture import Architecture


@dataclass(frozen=True)
class Gene:
    """One choice to make.

    Attributes:
        name: For instance "stage2.block1.kernel".
        choices: Ascending integers.
        depth: Name of the depth gene that switches this one, "" when it always exists.
        rank: The gene exists when the depth is at least this.
        falling: Larger choices make smaller networks.
    """

    name: str
    choices: tuple[int, ...]
    depth: str = ""
    rank: int = 0
    falling: bool = False

    def active(self, genes: Mapping[str, int]) -> bool:
        """Whether the gene exists in a network with these genes."""
        return not self.depth or genes[self.depth] >= self.rank


@dataclass(frozen=True)
class Stage:
    """Blocks of equal width at one spatial size.

    Attributes:
        widths: Output channels of every block.
        depths: How many blocks.
        kernels: Spatial kernel of a block, odd pixels.
        expands: Hidden channels of a block over its channels, thousandths.
        stride: Stride of the first block, 1 where there may be none.
        squeeze: Squeeze-and-excitation in every block (mobilenet).
        heads: Of the attention in a block (vit).

    Raises:
        ValueError: A depth of 0 is offered where the stride is not 1.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    kernels: tuple[int, ...]
    expands: tuple[int, ...]
    stride: int
    squeeze: bool = False
    heads: tuple[int, ...] = ()

    @property
    def block(self) -> dict[str, tuple[int, ...]]:
        """Kind of gene to its choices, of those that every block has."""
        kinds = {"kernel": self.kernels, "heads": self.heads, "expand": self.expands}
        return {name: choices for name, choices in kinds.items() if choices}

    def __post_init__(self) -> None:
        if 0 in self.depths and self.stride != 1:
            raise ValueError(
                f"Stage.stride must be 1 where a depth of 0 is offered; got {self.stride}. "
                "Move the stride to a stage that every network has."
            )


@dataclass(frozen=True)
class Space:
    """Everything that can be built in one family at one scale.

    Attributes:
        family: Name of the layout, "mobilenet" or "resnet".
        scale: "digits" (16 px), "cifar" (32 px) or "imagenet" (224 px).
        size: Height and width of the images, pixels.
        resolutions: Sizes a network may resize its input to, pixels.
        stem_width: Output channels of the first convolution; a tuple offers a choice.
        stem_kernels: Kernels of the first convolution, odd pixels.
        stem_stride: Stride of the first convolution.
        stages: In order from the input.
        stem_pool: 3 x 3 max pooling of stride 2 after the first convolution (resnet).
        relu_stages: Leading stages with ReLU; later ones have hard swish (mobilenet).
        head_widths: Output channels of a last 1 x 1 convolution; none: there is no such layer
            (mobilenet).
        head_features: Outputs of a hidden linear layer after the pooling, which networks may also
            leave out; none: there is no such layer (mobilenet, beside head_widths).
        patches: Height and width of the patches, pixels; a transformer has these in place of a stem
            (vit).
        head_size: Channels of a query, key or value of one head (vit).
    """

    family: str
    scale: str
    size: int
    resolutions: tuple[int, ...]
    stem_width: int | tuple[int, ...]
    stem_kernels: tuple[int, ...]
    stem_stride: int
    stages: tuple[Stage, ...]
    stem_pool: bool = False
    relu_stages: int = 1
    head_widths: tuple[int, ...] = ()
    head_features: tuple[int, ...] = ()
    patches: tuple[int, ...] = ()
    head_size: int = 0

    @property
    def name(self) -> str:
        """Family and scale, for instance "mobilenet-digits"."""
        return f"{self.family}-{self.scale}"

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """Every gene in order from the input; a depth gene comes before those it switches."""
        return tuple(self._iterate_genes())

    def _iterate_genes(self) -> Iterator[Gene]:
        yield Gene("resolution", self.resolutions)
        if self.stem_kernels:
            yield Gene("stem.kernel", self.stem_kernels)
        if self.patches:
            yield Gene("patch", self.patches, falling=True)
        if isinstance(self.stem_width, tuple):
            yield Gene("stem.width", self.stem_width)
        for s, stage in enumerate(self.stages, 1):
            depth = f"stage{s}.depth"
            if 0 in stage.depths:  # no block, no width
                yield Gene(depth, stage.depths)
                yield Gene(f"stage{s}.width", stage.widths, depth, 1)
            else:
                yield Gene(f"stage{s}.width", stage.widths)
                yield Gene(depth, stage.depths)
            for b in range(1, max(stage.depths) + 1):
                switch = (depth, b) if b > min(stage.depths) else ("", 0)
                for kind, choices in stage.block.items():
                    yield Gene(f"stage{s}.block{b}.{kind}", choices, *switch)
        if len(self.head_widths) > 1:
            yield Gene("head.width", self.head_widths)
        if self.head_features:
            yield Gene("head.depth", (0, 1))
            yield Gene("head.features", self.head_features, "head.depth", 1)

    @cached_property
    def _weights(self) -> dict[str, tuple[int, ...]]:
        """Gene name to one weight per choice: how many sets of the genes it switches go with it."""
        switched: dict[str, list[Gene]] = {}
        for gene in self.genes:
            switched.setdefault(gene.depth, []).append(gene)
        return {
            gene.name: tuple(
                math.prod(len(g.choices) for g in switched.get(gene.name, ()) if choice >= g.rank)
                for choice in gene.choices
            )
            for gene in self.genes
        }

    @cached_property
    def cardinality(self) -> int:
        """Number of distinct networks."""
        return math.prod(sum(self._weights[gene.name]) for gene in self.genes if not gene.depth)

    def network(self, index: int) -> Architecture:
        """The network of a number from 0 to `cardinality` - 1; each network has exactly one.

        Raises:
            ValueError: There is no such number.
        """
        if not 0 <= index < self.cardinality:
            raise ValueError(
                f"Space.index must be 0 to {self.cardinality - 1} in {self.name}; got {index}. "
                "Count from 0."
            )
        kept: dict[str, int] = {}
        for gene in self.genes:
            if not gene.active(kept):
                continue
            weights = self._weights[gene.name]
            index, rest = divmod(index, sum(weights))
            place = 0
            while rest >= weights[place]:
                rest -= weights[place]
                place += 1
            kept[gene.name] = gene.choices[place]
            index = index * weights[place] + rest  # the genes that are switched use up the rest
        return Architecture.of(self.family, self.scale, kept)

    def canonical(self, genes: Mapping[str, int]) -> Architecture:
        """Architecture of these genes without those of blocks that do not exist.

        Raises:
            ValueError: A gene is unknown, missing or outside its choices.
        """
        unknown = sorted(set(genes) - {gene.name for gene in self.genes})
        if unknown:
            raise ValueError(
                f"Space.genes must be genes of {self.name}; got unknown {unknown[0]!r}. "
                "List them with Space.genes."
            )
        kept: dict[str, int] = {}
        for gene in self.genes:
            if not gene.active(kept):
                continue
            value = genes.get(gene.name)
            if value not in gene.choices:
                found = "nothing, the gene is missing" if value is None else value
                raise ValueError(
                    f"Space.{gene.name} must be one of {gene.choices} in {self.name}; "
                    f"got {found}. Choose one of these."
                )
            kept[gene.name] = int(value)  # a NumPy integer would not survive JSON
        return Architecture.of(self.family, self.scale, kept)

    def check(self, architecture: Architecture) -> None:
        """Refuse what does not lie in this space, naming the first reason.

        Raises:
            ValueError: Another family or scale, a gene unknown or inactive, a value not offered.
        """
        if (architecture.family, architecture.scale) != (self.family, self.scale):
            raise ValueError(
                f"Architecture.family must be of space {self.name}; "
                f"got {architecture.family}-{architecture.scale} ({architecture.id}). "
                "Use the space it was drawn from."
            )
        spare = set(architecture.values) - set(self.canonical(architecture.values).values)
        if spare:
            raise ValueError(
                f"Architecture.genes must be genes of blocks that exist; got {min(spare)!r} "
                f"({architecture.id}). Drop it, or pass the genes through Space.canonical."
            )

    def contains(self, architecture: Architecture) -> bool:
        """Whether the architecture is a canonical member of this space."""
        try:
            self.check(architecture)
        except ValueError:
            return False
        return True

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A draw uniform over every gene's choices (not over networks: deep ones weigh less).

        Genes of blocks that do not exist are drawn too, then dropped, so every draw takes the same
        number of random integers.
        """
        drawn = rng.integers([len(gene.choices) for gene in self.genes]).tolist()
        pairs = zip(self.genes, drawn, strict=True)
        return self.canonical({gene.name: gene.choices[i] for gene, i in pairs})

    def sample_uniform(self, rng: np.random.Generator) -> Architecture:
        """A draw uniform over networks: each of the `cardinality` is equally likely.

        Most networks are deep, so most draws are; `sample` gives every depth the same chance.
        """
        bits = self.cardinality.bit_length()
        while True:  # at most two rounds on average
            index = int.from_bytes(rng.bytes(-(-bits // 8))) >> (-bits % 8)
            if index < self.cardinality:
                return self.network(index)

    def extreme(self, largest: bool) -> Architecture:
        """The network with every gene at the choice that makes it largest, or smallest."""
        last = {g.name: -1 if largest != g.falling else 0 for g in self.genes}
        return self.canonical({g.name: g.choices[last[g.name]] for g in self.genes})

    def with_gene(self, architecture: Architecture, name: str, value: int) -> Architecture:
        """The architecture with one gene changed; a block that appears copies its predecessor.

        What appears without one (the first block of a stage, a hidden layer) is the smallest.

        Raises:
            ValueError: The gene does not exist in this architecture, or does not offer the value.
        """
        if name not in architecture.values:
            raise ValueError(
                f"Architecture.genes must hold the gene to change; got {name!r} "
                f"({architecture.id}). Change one of its own genes."
            )
        genes = dict(architecture.values)
        genes[name] = value
        for gene in self.genes:
            if gene.name not in genes and gene.active(genes):
                before = gene.name.replace(f".block{gene.rank}.", f".block{gene.rank - 1}.")
                genes[gene.name] = genes.get(before, gene.choices[0])
        return self.canonical(genes)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """Every network reached by giving one gene another choice, in gene order.

        A change of depth also removes the genes of the blocks that go, or adds those of the blocks
        that come (copies of their predecessor's).
        """
        self.check(architecture)
        return [
            self.with_gene(architecture, gene.name, choice)
            for gene in self.genes
            if gene.name in architecture.values
            for choice in gene.choices
            if choice != architecture.values[gene.name]
        ]

    def describe(self) -> dict[str, Any]:
        """Plain JSON data from which an equal space can be made; defaults are left out."""
        return _plain(self) | {"stages": [_plain(stage) for stage in self.stages]}

    @cached_property
    def log10_cardinality(self) -> float:
        """Decimal logarithm of the number of networks."""
        return math.log10(self.cardinality)


def _plain(value: Space | Stage) -> dict[str, Any]:
    """Field name to value, without those that are as by default."""
    pairs = ((f, getattr(value, f.name)) for f in fields(value))
    return {f.name: v for f, v in pairs if v != f.default}
