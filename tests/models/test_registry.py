"""Registries: what the configuration accepts is what can be built, by the same names."""

from typing import get_args

import pytest
from support import tiny

from ser_pcq.config.network import EncoderLinearName, HeadName, LinearName, NetworkName
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.models.registry import ENCODERS, HEADS, LINEAR, NETWORKS
from ser_pcq.training.linear import METHODS


@pytest.mark.parametrize(
    ("registry", "names"),
    [(NETWORKS, NetworkName), (HEADS, HeadName), (LINEAR, LinearName)],
    ids=["networks", "heads", "linear"],
)
def test_the_configuration_accepts_what_is_registered_and_no_more(registry, names):
    assert set(registry) == set(get_args(names))


def test_linear_recognizers_read_an_encoder_or_opensmile_and_can_be_fitted():
    over_encoder = {name for name, kind in LINEAR.items() if kind.opensmile is None}
    assert over_encoder == set(get_args(EncoderLinearName))
    assert {kind.method for kind in LINEAR.values()} == METHODS.keys()


def test_an_encoder_is_registered_under_the_family_that_it_says():
    encoder = tiny.random_encoder()
    assert ENCODERS[encoder.family] is type(encoder)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_built_by_its_name(name):
    recognizer = Recognizer(tiny.config(model={"name": name}), tiny.LABELS, None)
    assert type(recognizer.network) is NETWORKS[name]


@pytest.mark.parametrize("name", HEADS)
def test_every_head_is_built_by_its_name(name):
    recognizer = Recognizer(tiny.config(model={"head": name}), tiny.LABELS, None)
    assert type(recognizer.network.head) is HEADS[name]
