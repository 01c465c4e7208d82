"""What several formats write alike: numbers, names and channels."""

from ser_pcq.inference.prediction import EmotionSegment, Prediction


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


def placed_segments(prediction: Prediction) -> list[tuple[str, EmotionSegment]]:
    """Return the segments of all channels in the order of time, each with its channel: `2: `.

    Of a recording that was not split the channel is left out.
    """
    placed = [
        ("" if one.channel is None else f"{one.channel}: ", segment)
        for one in prediction.each_channel()
        for segment in one.segments_or_whole()
    ]
    return sorted(placed, key=lambda item: item[1].start)
