"""Feature sets that are made when they are asked for: all at once may be more than memory holds."""

from collections.abc import Callable, Collection, Iterator, Mapping

from ser_pcq.models.linear.classifier import Floats


class LazySets(Mapping[str, Floats]):
    """Name to features, (utterance, feature), made anew each time.

    Args:
        names: Of the sets, in order.
        make: Returns the features of a set.
    """

    def __init__(self, names: Collection[str], make: Callable[[str], Floats]) -> None:
        self._names, self._make = tuple(names), make

    def __getitem__(self, name: str) -> Floats:
        """Return the features of a set."""
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        """Yield the names, in order."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return how many sets there are."""
        return len(self._names)
