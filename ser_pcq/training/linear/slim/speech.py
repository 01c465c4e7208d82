"""Which utterances a slim encoder is fitted to."""

from collections.abc import Sequence

from ser_pcq.data.utterance import Utterance


def heard_by_slim(
    utterances: Sequence[Utterance], chosen: Sequence[str], most: int
) -> list[Utterance]:
    """Return the utterances whose sound it is fitted to: as many of each corpus.

    A large corpus would otherwise decide what the encoder can hear. Within a corpus they are spread
    evenly over all.

    Args:
        utterances: Of the data.
        chosen: Ids of those that may be heard, in the order of the data.
        most: How many at most.
    """
    known = {u.utterance_id: u for u in utterances}
    of_corpus: dict[str | None, list[Utterance]] = {}
    for one in chosen:
        of_corpus.setdefault(known[one].corpus, []).append(known[one])
    share = max(1, most // len(of_corpus))
    heard = []
    for own in of_corpus.values():
        n = min(len(own), share)
        heard += [own[k * len(own) // n] for k in range(n)]
    return heard
