"""From bits to numbers: accuracies, intervals, robustness scores. No torch."""

from metrics.accuracy import (
    accuracy,
    clopper_pearson,
    effective_size,
    image_scores,
    mean_over_images,
    wilson,
)
from metrics.agreement import SHARES, Agreement, agreement, best_of, difference_of_means
from metrics.confidence import confident_class, response_rate_accuracy, rms_calibration_error
from metrics.corruption import (
    ALEXNET_CLEAN_ERROR,
    ALEXNET_ERRORS,
    alexnet_errors,
    mce_over_images,
    mean_corruption_error,
    normalised_mce,
    relative_mce,
)
from metrics.detection import average_precision
from metrics.deviation import deviation_influence, system_noise_deviation
from metrics.estimate import LEVEL, Bits, Estimate, Floats
from metrics.mcnemar import mcnemar
from metrics.paired import bootstrap_difference, newcombe_difference
from metrics.pairs import Comparison, compare
from metrics.pareto import front_shares, pareto_front, surely_dominated, thinned_front
from metrics.ranks import (
    MOST_PAIRED,
    Ranks,
    rank_interval_of,
    rank_intervals,
    rank_intervals_from_counts,
    unknown_ranks,
)
from metrics.robustness import attack_robustness, robust_accuracy, worst_case
from metrics.rounds import Rounds
from metrics.sequences import (
    flip_probability,
    flip_shares,
    mean_flip_rate,
    mean_top5_distance,
    top5_distance,
    top5_distances,
)
from metrics.sequential import Goal, best_networks, decide, open_neighbours
from metrics.sequential_accuracy import accuracy_sequence
from metrics.sequential_pairs import difference_sequence

__all__ = [
    "ALEXNET_CLEAN_ERROR",
    "ALEXNET_ERRORS",
    "LEVEL",
    "MOST_PAIRED",
    "SHARES",
    "Agreement",
    "Bits",
    "Comparison",
    "Estimate",
    "Floats",
    "Goal",
    "Ranks",
    "Rounds",
    "accuracy",
    "accuracy_sequence",
    "agreement",
    "alexnet_errors",
    "attack_robustness",
    "average_precision",
    "best_networks",
    "best_of",
    "bootstrap_difference",
    "clopper_pearson",
    "compare",
    "confident_class",
    "decide",
    "deviation_influence",
    "difference_of_means",
    "difference_sequence",
    "effective_size",
    "flip_probability",
    "flip_shares",
    "front_shares",
    "image_scores",
    "mce_over_images",
    "mcnemar",
    "mean_corruption_error",
    "mean_flip_rate",
    "mean_over_images",
    "mean_top5_distance",
    "newcombe_difference",
    "normalised_mce",
    "open_neighbours",
    "pareto_front",
    "rank_interval_of",
    "rank_intervals",
    "rank_intervals_from_counts",
    "relative_mce",
    "response_rate_accuracy",
    "rms_calibration_error",
    "robust_accuracy",
    "surely_dominated",
    "system_noise_deviation",
    "thinned_front",
    "top5_distance",
    "top5_distances",
    "unknown_ranks",
    "wilson",
    "worst_case",
]
