"""What a value may be, as it is written in the type of its field.

``n_fft: Annotated[int, AtLeast(1)] = 512`` says that `n_fft` is 1 or more. Not a number (NaN) is in
no range.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TINY, HUGE = 1e-12, 1e12
"""The ends of a list of numbers "above 0": what is computed with them stays finite."""


class Range(ABC):
    """The values that a field accepts."""

    @property
    @abstractmethod
    def accepted(self) -> str:
        """The range in words, as an error says it."""

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Return whether a value of the field's type is in the range."""

    def refused(self, value: Any) -> object:
        """Return what an error shows of a value that is not in the range: by default all of it."""
        return value


@dataclass(frozen=True)
class AtLeast(Range):
    """Numbers from `low` up."""

    low: float

    @property
    def accepted(self) -> str:
        """The range in words."""
        return f"{self.low:g} or more"

    def holds(self, value: float) -> bool:
        """Return whether `value` is `low` or more."""
        return value >= self.low


@dataclass(frozen=True)
class Above(Range):
    """Numbers above `low`, and no more than `up_to` where it is given, in `unit`."""

    low: float
    up_to: float | None = None
    unit: str = ""

    @property
    def accepted(self) -> str:
        """The range in words."""
        top = "" if self.up_to is None else f", up to {self.up_to:g} {self.unit}".rstrip()
        return f"above {self.low:g}{top}"

    def holds(self, value: float) -> bool:
        """Return whether `value` is above `low` and not above `up_to`."""
        return value > self.low and (self.up_to is None or value <= self.up_to)


@dataclass(frozen=True)
class Between(Range):
    """Numbers from `low` to `high`, both included, in `unit`."""

    low: float
    high: float
    unit: str = ""

    @property
    def accepted(self) -> str:
        """The range in words."""
        return f"{self.low:g} to {self.high:g} {self.unit}".rstrip()

    def holds(self, value: float) -> bool:
        """Return whether `value` is in the range."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Share(Range):
    """Numbers from 0 to below 1."""

    @property
    def accepted(self) -> str:
        """The range in words."""
        return "from 0 to below 1"

    def holds(self, value: float) -> bool:
        """Return whether `value` is in the range."""
        return 0 <= value < 1


@dataclass(frozen=True)
class OneOf(Range):
    """A few whole numbers."""

    numbers: tuple[int, ...]

    @property
    def accepted(self) -> str:
        """The numbers in words."""
        *others, last = map(str, self.numbers)
        return f"{', '.join(others)} or {last}"

    def holds(self, value: int) -> bool:
        """Return whether `value` is one of them."""
        return value in self.numbers


@dataclass(frozen=True)
class Each(Range):
    """Lists whose every number is in one range; the empty list too."""

    range: Range

    @property
    def accepted(self) -> str:
        """The range of one number in words."""
        return self.range.accepted

    def holds(self, value: tuple[float, ...]) -> bool:
        """Return whether every number is in the range."""
        return all(self.range.holds(one) for one in value)

    def refused(self, value: tuple[float, ...]) -> object:
        """Return the first number that is not in the range."""
        return next(one for one in value if not self.range.holds(one))


@dataclass(frozen=True)
class Distinct(Range):
    """Lists of numbers from `low` to `high`, each once.

    Attributes:
        low: The least number.
        high: The greatest number.
        numbers: What the numbers are, with their range, in words.
        may_be_empty: Whether the empty list is accepted.
    """

    low: float
    high: float
    numbers: str
    may_be_empty: bool = False

    @property
    def accepted(self) -> str:
        """The list in words."""
        return f"{self.numbers}, each once"

    def holds(self, value: tuple[float, ...]) -> bool:
        """Return whether the numbers are different and in the range."""
        if not value:
            return self.may_be_empty
        return len(set(value)) == len(value) and all(self.low <= one <= self.high for one in value)


@dataclass(frozen=True)
class FourMultiples(Range):
    """Four numbers, each a positive multiple of `of`."""

    of: int

    @property
    def accepted(self) -> str:
        """The numbers in words."""
        return f"four numbers, each a multiple of {self.of}"

    def holds(self, value: tuple[int, ...]) -> bool:
        """Return whether there are four, and all are such multiples."""
        return len(value) == 4 and all(one > 0 and one % self.of == 0 for one in value)


@cache
def field_ranges(section: "type[DataclassInstance]") -> Mapping[str, Range]:
    """Return the range of each field of a section that has one."""
    hints = get_type_hints(section, include_extras=True)
    annotated = {
        one.name: get_args(hints[one.name])
        for one in fields(section)
        if get_origin(hints[one.name]) is Annotated
    }
    # The first argument is the field's type.
    return {
        name: extra
        for name, (_, *extras) in annotated.items()
        for extra in extras
        if isinstance(extra, Range)
    }
