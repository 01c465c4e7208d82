"""What the sections of a configuration that linear recognizers read must satisfy."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ser_pcq.config import Config

Rule = tuple[bool, str, object, str]
"""(holds, key, given, accepted)."""


def linear_rules(config: "Config") -> list[Rule]:
    """What the values of linear recognizers must satisfy."""
    statistics, shrinkages = config.statistics, config.discriminant.shrinkages
    ranges, parts, costs = statistics.speech_ranges, statistics.parts, config.svm.costs

    def several(values: "Sequence[float]", low: float, high: float) -> bool:
        # Not a number is neither below nor above anything, so each is asked what it is.
        return len(set(values)) == len(values) > 0 and all(low <= v <= high for v in values)

    tiny, huge = 1e-12, 1e12
    return [
        (several(costs, tiny, huge), "svm.costs", costs, "numbers above 0, each once"),
        (
            several(shrinkages, tiny, 1),
            "discriminant.shrinkages",
            shrinkages,
            "numbers above 0 and up to 1, each once",
        ),
        (
            several(ranges, 0, 1000),
            "statistics.speech_ranges",
            ranges,
            "numbers of dB from 0 to 1000, each once",
        ),
        (several(parts, 1, 100), "statistics.parts", parts, "whole numbers, 1 to 100, each once"),
        *(
            (not times or several(times, 0.01, 10), key, times, "times of 0.01 to 10 s, each once")
            for key, times in (
                ("statistics.windows", statistics.windows),
                ("statistics.lags", statistics.lags),
            )
        ),
    ]


def slim_rules(config: "Config") -> list[Rule]:
    """What a slim encoder asks for."""
    slim, layers = config.slim, config.context.layers
    ranks = (*slim.conv, *slim.attention)
    linear = config.model.name in ("whisper-svm", "discriminant")
    return [
        (
            not ranks or (len(slim.conv) == 2 and len(slim.attention) == 3 and min(ranks) >= 1),
            "slim",
            f"conv = {list(slim.conv)}, attention = {list(slim.attention)}",
            "two ranks and three ranks of 1 or more, or neither",
        ),
        (slim.utterances >= 1, "slim.utterances", slim.utterances, "1 or more"),
        (
            not ranks or linear,
            "slim",
            f'ranks with model.name = "{config.model.name}"',
            'model.name = "discriminant" or "whisper-svm", or no ranks',
        ),
        (
            not ranks or (set(layers) <= {0, 1} and 1 in layers),
            "context.layers",
            f"{list(layers)} with a slim encoder",
            "1, with or without 0: it has no higher ones",
        ),
    ]
