"""Statistics: quantiles, ratios of medians with their uncertainty, and when a verdict may be given. Pure."""

import random
from dataclasses import dataclass

PAIRS_LEAST = 60
RESAMPLES = 2000


def quantile(values, share):
    """Linear between the two nearest ranks."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values):
    return quantile(values, 0.5)


@dataclass(frozen=True)
class Ratio:
    value: float
    low: float  # 95 % confidence interval
    high: float
    pairs: int


def ratio_of_medians(ours, theirs, seed=0):
    """Pairs are drawn with replacement, each with both of its samples, as they were taken at the same moment."""
    count = len(ours)
    draw = random.Random(seed)
    ratios = []
    for _ in range(RESAMPLES):
        chosen = draw.choices(range(count), k=count)
        below = median([theirs[index] for index in chosen])
        ratios.append(median([ours[index] for index in chosen]) / below if below else float("inf"))
    below = median(theirs)
    return Ratio(median(ours) / below if below else float("inf"), quantile(ratios, 0.025), quantile(ratios, 0.975), count)


MET, MISSED, UNDECIDED = "met", "missed", "undecided"


def verdict(ratio, target):
    """(word, explanation). Where the interval holds the target, or the pairs are few, nothing is decided."""
    interval = f"interval {ratio.low:.3f}–{ratio.high:.3f}"
    if ratio.pairs < PAIRS_LEAST:
        return UNDECIDED, f"{interval} needs more pairs ({ratio.pairs} of {PAIRS_LEAST})"
    if ratio.high <= target:
        return MET, interval
    if ratio.low > target:
        return MISSED, interval
    return UNDECIDED, f"{interval} needs more pairs"
