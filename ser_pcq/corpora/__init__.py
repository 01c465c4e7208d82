"""One module per corpus: from the released tree to the utterances of a data directory.

To add a corpus, write a module with `prepare(corpus_dir) -> list[Utterance]` and enter it here.
"""

from collections.abc import Callable
from pathlib import Path

from ser_pcq.corpora import emodb, synthetic
from ser_pcq.datadir import Utterance

CORPORA: dict[str, Callable[[Path], list[Utterance]]] = {
    "emodb": emodb.prepare,
    "synthetic": synthetic.prepare,
}
"""Corpus name to the function that reads its released tree."""

DIFFERENCES: dict[str, Callable[[list[Utterance]], list[str]]] = {
    "emodb": emodb.differences,
}
"""Corpus name to the function that says how a tree differs from the complete release."""

GENERATORS: dict[str, Callable[..., Path]] = {
    "synthetic": synthetic.generate,
}
"""Corpus name to the function that makes a corpus of that kind."""
