"""From bits to numbers: accuracies, intervals, robustness scores. No torch."""

from metrics.accuracy import accuracy, effective_size, image_scores, mean_over_images, wilson
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
    "SHARES",
    "Agreement",
    "Bits",
    "Estimate",
    "Floats",
    "Goal",
    "Rounds",
    "accuracy",
    "accuracy_sequence",
    "agreement",
    "alexnet_errors",
    "attack_robustness",
    "average_precision",
    "best_networks",
    "best_of",
    "confident_class",
    "decide",
    "deviation_influence",
    "difference_of_means",
    "difference_sequence",
    "effective_size",
    "flip_probability",
    "flip_shares",
    "image_scores",
    "mce_over_images",
    "mcnemar",
    "mean_corruption_error",
    "mean_flip_rate",
    "mean_over_images",
    "mean_top5_distance",
    "normalised_mce",
    "open_neighbours",
    "relative_mce",
    "response_rate_accuracy",
    "rms_calibration_error",
    "robust_accuracy",
    "system_noise_deviation",
    "top5_distance",
    "top5_distances",
    "wilson",
    "worst_case",
]
