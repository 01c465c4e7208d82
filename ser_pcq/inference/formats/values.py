"""What several formats write alike: numbers and names."""


def short(value: object) -> object:
    """Round a float to six decimals, leave anything else."""
    return round(value, 6) if isinstance(value, float) else value


def percent(share: float | None) -> int:
    """Return a share as whole percent, rounded down; never 100, for nothing is certain."""
    return min(99, int(100 * (share or 0)))


def printable(name: str) -> str:
    """Replace line ends and control characters by escapes; they must not reach a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def one_line(text: str) -> str:
    """Make one line of a text, with single spaces."""
    return " ".join(text.split())
