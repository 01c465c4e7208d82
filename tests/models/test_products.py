"""Products in 8 bits: precise where the processor would overflow, and only there."""

import platform
from pathlib import Path

import pytest

from ser_pcq.models import classifier_onnx
from ser_pcq.models.classifier_onnx import new_session, products_overflow
from ser_pcq.models.folder import EMBEDDED
from ser_pcq.models.sharing.graphs import session_options

FLAGS = "processor\t: 0\nflags\t\t: fpu sse4_2 avx2 {}\n\nprocessor\t: 1\n"


@pytest.fixture(autouse=True)
def fresh():
    """What is found of the processor is kept; each test looks anew."""
    products_overflow.cache_clear()
    yield
    products_overflow.cache_clear()


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "avx512f avx512_vnni", False),
        ("AMD64", "avx_vnni", False),
        ("x86_64", "avx512f avx512vl", True),
        ("x86_64", "", True),
        ("aarch64", "", False),
        ("arm64", "", False),
    ],
)
def test_a_processor_of_x86_without_vnni_overflows(tmp_path, monkeypatch, machine, flags, expected):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    (tmp_path / "cpuinfo").write_text(FLAGS.format(flags))
    assert products_overflow(tmp_path / "cpuinfo") == expected


def test_where_nothing_says_what_it_has_it_is_taken_to_overflow(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert products_overflow(tmp_path / "none")
    (tmp_path / "odd").write_text("no flags here")
    products_overflow.cache_clear()
    assert products_overflow(tmp_path / "odd")


@pytest.mark.parametrize("overflows", [True, False])
def test_a_session_is_precise_only_where_it_has_to_be(monkeypatch, overflows):
    monkeypatch.setattr(classifier_onnx, "products_overflow", lambda: overflows)
    path = Path(EMBEDDED, "emodb-small", "model.onnx")
    options, _kept = session_options(path)
    session = new_session(str(path), options=options)
    try:
        found = session.get_session_options().get_session_config_entry("session.x64quantprecision")
    except RuntimeError:  # it was never set
        found = "0"
    assert found == str(int(overflows))
