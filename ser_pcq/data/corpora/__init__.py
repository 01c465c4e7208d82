"""One module per corpus: from the released tree to the utterances of a data directory.

To add a corpus, write a module with `CORPUS`, a `Corpus`, and enter it here.
"""

from collections.abc import Callable
from pathlib import Path

from ser_pcq.data.corpora import (
    crema_d,
    emodb,
    emovo,
    iemocap,
    meld,
    msp_podcast,
    nemo,
    ravdess,
    savee,
    synthetic,
    tess,
)
from ser_pcq.data.corpora.corpus import Corpus

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        iemocap.CORPUS,
        emodb.CORPUS,
        ravdess.CORPUS,
        crema_d.CORPUS,
        tess.CORPUS,
        savee.CORPUS,
        nemo.CORPUS,
        emovo.CORPUS,
        meld.CORPUS,
        msp_podcast.CORPUS,
        synthetic.CORPUS,
    )
}
"""Name to corpus."""

GENERATORS: dict[str, Callable[..., Path]] = {
    "synthetic": synthetic.generate,
}
"""Corpus name to the function that makes a corpus of that kind."""
