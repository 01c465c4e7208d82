"""The reader against files that nobody has thought of: real ones with bytes changed."""

import tempfile
from functools import lru_cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fuzz import SEEDS, check
from support.zoo import Zoo


@lru_cache(maxsize=1)
def seeds():
    with tempfile.TemporaryDirectory() as folder:
        zoo = Zoo(Path(folder))
        return {name: (zoo.folder / name).read_bytes() for name in SEEDS}


@st.composite
def changes(draw):
    """Places, as shares of the length or within the header, and what to do there."""
    place = st.one_of(st.integers(0, 100), st.floats(0, 1))
    kinds = st.sampled_from(["set", "cut", "insert", "delete", "double"])
    values = st.one_of(
        st.binary(min_size=1, max_size=8),
        st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"data"]),
    )
    return draw(st.lists(st.tuples(kinds, place, values), min_size=1, max_size=5))


def changed(content, steps):
    for kind, place, value in steps:
        at = place if isinstance(place, int) else int(place * len(content))
        rest = content[at + len(value) :]
        content = {
            "set": content[:at] + value + rest,
            "cut": content[:at],
            "insert": content[:at] + value + content[at:],
            "delete": content[:at] + rest,
            "double": content[:at] + content[at : at + 400] + content[at:],
        }[kind]
    return content


# The same files each time: new ones are for fuzz_reader.py.
@settings(
    deadline=None,
    max_examples=400,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.sampled_from(SEEDS), steps=changes())
def test_any_change_of_a_real_file_is_read_or_refused(tmp_path, name, steps):
    path = tmp_path / "changed"
    path.write_bytes(changed(seeds()[name], steps))
    check(path)


def test_a_box_of_a_size_that_no_file_has_costs_only_its_file(tmp_path):
    path = tmp_path / "huge.m4a"
    boxes = b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + b"\0\0\0\1free" + b"\xff" * 8
    path.write_bytes(boxes + bytes(100))
    check(path)
