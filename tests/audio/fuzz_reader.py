"""Fuzz the reader of audio files with atheris, guided by the coverage of the Python code.

Not part of the tests: it wants `pip install atheris` and runs as long as it is told. The corpus of
files that it begins with are those of the zoo.

    PYTHONPATH=.:tests python tests/audio/fuzz_reader.py -max_total_time=300
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ser_pcq"]):
    from support.fuzz import SEEDS, check
    from support.zoo import Zoo

FOLDER = Path(tempfile.mkdtemp())


def fuzz(content: bytes) -> None:
    """Read bytes as a file."""
    path = FOLDER / "fuzzed"
    path.write_bytes(content)
    check(path)


def main() -> None:
    """Write the corpus, and begin."""
    zoo = Zoo(FOLDER / "zoo")
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for name in SEEDS:
        (corpus / name).write_bytes((zoo.folder / name).read_bytes())
    # The bookkeeping of the fuzzer itself grows; the reader does not.
    limits = ["-max_len=200000", "-rss_limit_mb=0"]
    atheris.Setup([*sys.argv, *limits, str(corpus)], fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
