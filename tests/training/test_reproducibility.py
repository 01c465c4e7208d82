"""The same seed gives the same bytes, however many processes read the data."""

import pytest

FILES = ("predictions.csv", "scores.json", "split.json", "confusion.txt")
# Everything that draws numbers is switched on.
CHANGES = (
    "train.epochs=2",
    "augment.time_mask=0.2",
    "augment.frequency_mask=0.2",
    "augment.mixup=0.3",
    "augment.noise_snr=[20]",
    "model.dropout=0.3",
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, command):
    """A part of the corpus of the synthetic recipe, prepared as the recipe does it."""
    folder = tmp_path_factory.mktemp("synthetic")
    smaller = ("--speakers", "3", "--per-class", "2")
    assert command("data", "generate", "synthetic", folder / "corpus", *smaller).returncode == 0
    assert (
        command("data", "prepare", "synthetic", folder / "corpus", folder / "data").returncode == 0
    )
    return folder


def score(prepared, command, name, *options, conf):
    exp = prepared / name
    for change in CHANGES:
        options = (*options, "--set", change)
    cache = ("--cache-dir", prepared / f"cache_{name}")
    done = command("train", conf, prepared / "data", exp, *cache, *options)
    assert done.returncode == 0, done.stderr
    done = command("eval", exp, "--no-figures")
    assert done.returncode == 0, done.stderr
    return {file: (exp / file).read_bytes() for file in FILES}


def test_the_same_seed_gives_the_same_bytes(prepared, command, process, pytestconfig):
    conf = pytestconfig.rootpath / "recipes" / "synthetic" / "conf" / "pcq-tiny.toml"
    first = score(prepared, command, "first", conf=conf)
    readers = ("--set", "train.workers=2")
    assert score(prepared, command, "readers", *readers, conf=conf) == first
    # Side by side, and where hashes and memory are others, too.
    beside = ("--jobs", "2")
    assert score(prepared, process, "beside", *beside, conf=conf) == first
    other = score(prepared, command, "other", "--seed", "1", conf=conf)
    assert other["predictions.csv"] != first["predictions.csv"]
    assert other["split.json"] == first["split.json"]
