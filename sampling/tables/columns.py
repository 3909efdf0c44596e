"""The names of an exported table's columns, which the importer takes apart again.

| column | holds |
|---|---|
| `id`, `architecture`, `family`, ... `failure` | as in `/networks` of results.h5 |
| `factor:NAME` | factor NAME, empty where it does not apply |
| `evaluated:FAMILY:CONDITION` | images that were tried under the condition |
| `correct:FAMILY:CONDITION` | images that were right under it |

In the long form `condition`, `condition_family`, `severity`, `reference`, `n_evaluated` and
`n_correct` stand beside the key of the network (`KEY`).
"""

from sampling.store.schema import NETWORK_COLUMNS

IDENTITY = NETWORK_COLUMNS
KEY = ("id", "origin", "supernet", "technique", "seed", "weights")
FACTOR, EVALUATED, CORRECT = "factor:", "evaluated:", "correct:"
ABOUT = "about.json"
"""Beside the table in an exported folder: what all networks share, units and conditions."""
