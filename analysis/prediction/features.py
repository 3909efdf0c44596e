"""What a prediction looks at: every gene, and factors of the whole network and of its stages."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nas_space.architecture import Architecture
from nas_space.costs import COSTS, factors
from nas_space.space import Space
from nas_space.table import gene_table


def usable(table: pd.DataFrame) -> pd.DataFrame:
    """(n, F) float64: costs as logarithms, and missing what is not finite.

    Args:
        table: (n, F) factors or genes, NaN where a network lacks them.
    """
    made = table.astype(np.float64)
    for name in made.columns:
        if str(name).partition("_stage")[0] in COSTS:
            made[name] = np.log(made[name].where(made[name] > 0))
    return made.where(np.isfinite(made))


def gene_features(space: Space, architectures: Sequence[Architecture]) -> pd.DataFrame:
    """(n, G) choices of the genes that offer one, NaN where a network lacks the gene."""
    table = gene_table(space, architectures)
    columns = {}
    for gene in space.genes:
        if len(gene.choices) > 1:
            value = table[gene.name].astype(np.float64)
            exists = table[gene.depth] >= gene.rank if gene.depth else True
            columns[f"gene {gene.name}"] = np.where(exists, value, np.nan)
    return pd.DataFrame(columns, index=range(len(architectures)))


def features(
    space: Space, architectures: Sequence[Architecture], classes: int, names: Sequence[str] = ()
) -> pd.DataFrame:
    """(n, F) features of networks of a space.

    Args:
        space: Where they come from.
        architectures: n networks.
        classes: Outputs of the linear layer, which costs depend on.
        names: Columns wanted, missing where unknown; all when empty.
    """
    whole = pd.DataFrame(factors(space, architectures, classes))
    table = usable(pd.concat([gene_features(space, architectures), whole], axis=1))
    return table.reindex(columns=list(names)) if names else table
