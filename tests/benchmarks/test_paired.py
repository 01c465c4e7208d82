"""The paired test of `benchmarks/adaptation`."""

import numpy as np
import pytest
from support.paths import ROOT


@pytest.fixture
def flips(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "adaptation"))
    from paired import flips

    return flips


def test_signs_are_flipped_in_all_ways(flips):
    assert flips(np.ones(9)) == 2 / 2**9
    assert flips(np.array([1.0, -1.0])) == 1
    assert flips(np.array([3.0, 1.0, -1.0])) == 0.75


def test_of_many_speakers_signs_are_drawn(flips):
    rng = np.random.default_rng(0)
    assert flips(np.ones(24)) < 1e-4
    assert flips(rng.standard_normal(24)) > 0.01
