"""Ranges: each number of the configuration has one, and it says what it checks."""

import dataclasses
import math
from typing import get_type_hints

import pytest

from ser_pcq.config import Config, FrontendConfig
from ser_pcq.config.ranges import (
    Above,
    AtLeast,
    Between,
    Distinct,
    Each,
    FourMultiples,
    OneOf,
    Share,
    field_ranges,
)
from ser_pcq.errors import ConfigError

SECTIONS = get_type_hints(Config)

# Where other fields or the encoder decide, or any number will do.
ELSEWHERE = {
    "frontend.f_min",
    "context.layers",
    "augment.noise_snr",
    "slim.conv",
    "slim.attention",
    "slim.feed_forward",
}

NUMBERS = (int, float, tuple[int, ...], tuple[float, ...], tuple[int, int, int, int])


def test_no_number_goes_without_a_range():
    without = {
        f"{name}.{key}"
        for name, section in SECTIONS.items()
        for key, kind in get_type_hints(section).items()
        if kind in NUMBERS and key not in field_ranges(section)
    }
    assert without == ELSEWHERE


def test_every_default_is_in_its_range():
    config = Config()
    for name, section in SECTIONS.items():
        for key, one in field_ranges(section).items():
            assert one.holds(getattr(getattr(config, name), key)), f"{name}.{key}"


@pytest.mark.parametrize(
    ("one", "accepted", "inside", "outside"),
    [
        (AtLeast(1), "1 or more", [1, 2, math.inf], [0, 0.99]),
        (Above(0), "above 0", [1e-300, 5], [0, -1]),
        (Above(0, up_to=1), "above 0, up to 1", [0.01, 1], [0, 1.01]),
        (Above(0, up_to=8000, unit="Hz"), "above 0, up to 8000 Hz", [8000], [0, 8001]),
        (Between(0.1, 60, "s"), "0.1 to 60 s", [0.1, 60], [0.09, 60.1]),
        (Share(), "from 0 to below 1", [0, 0.999], [1, -0.001]),
        (OneOf((0, 1, 2)), "0, 1 or 2", [0, 1, 2], [-1, 3]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_range_holds_its_ends_and_nothing_beyond(one, accepted, inside, outside):
    assert one.accepted == accepted
    assert [value for value in inside if not one.holds(value)] == []
    assert [value for value in (*outside, math.nan) if one.holds(value)] == []


def test_lists_are_checked_number_by_number():
    each = Each(AtLeast(1))
    assert each.holds(())
    assert each.holds((1, 5))
    assert not each.holds((5, 0))
    assert each.refused((5, 0, 7)) == 0
    assert each.accepted == "1 or more"

    distinct = Distinct(0, 10, "numbers")
    assert distinct.holds((0, 10))
    assert not any(map(distinct.holds, [(), (1, 1), (1, 11), (1, math.nan)]))
    assert Distinct(0, 10, "numbers", may_be_empty=True).holds(())
    assert distinct.accepted == "numbers, each once"

    fours = FourMultiples(4)
    assert fours.holds((4, 8, 12, 400))
    assert not any(map(fours.holds, [(), (4, 8, 12), (4, 8, 12, 14), (4, 8, 12, 0), (4,) * 5]))


def test_a_configuration_made_in_python_is_checked_too():
    with pytest.raises(ConfigError, match=r"frontend\.n_mels is out of range; given: 0"):
        dataclasses.replace(Config(), frontend=FrontendConfig(n_mels=0))
