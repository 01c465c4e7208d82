"""Print what was meant by the examples beside what was found.

ser-predict examples --format csv | python examples/compare.py [MEANT.csv]
"""

import csv
import sys
from pathlib import Path

WARNING = """\
They are from EMO-DB, and the model has learnt from these very recordings, or from what they were
made of: this shows that it works, not how good it is. How good it is on other speakers:
recipes/emodb/RESULTS.md"""


def main() -> None:
    """Read predictions as CSV from standard input, and print a table."""
    beside = Path(__file__).parent / "meant.csv"
    with Path(*sys.argv[1:] or [beside]).open(newline="", encoding="utf-8") as file:
        meant = {row["file"]: row["meant"] for row in csv.DictReader(file)}
    found = [row for row in csv.DictReader(sys.stdin) if Path(row["path"]).name in meant]
    print(f"{'file':<15} {'meant':<11} {'found':<11} confidence")
    n_right = 0
    for row in found:
        name = Path(row["path"]).name
        n_right += row["label"] == meant[name]
        if row["label"]:
            answer = f"{row['label']:<11} {min(99, int(100 * float(row['confidence']))):>8} %"
        else:
            answer = f"{row['status']}: {row['reason']}"
        print(f"{name:<15} {meant[name]:<11} {answer}")
    print(f"\n{n_right} of {len(found)} were found as they were meant.\n{WARNING}")


if __name__ == "__main__":
    main()
