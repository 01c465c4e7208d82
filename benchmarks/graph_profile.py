"""Measure which operators of an embedded graph take its time, by the profiler of ONNX Runtime.

Prints tab-separated lines: operator, nodes, share of the time in percent, over the recordings of a
folder, on one thread.

    python benchmarks/graph_profile.py emodb-small path/to/emodb/wav
"""

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

from ser_pcq.audio.waveform import read_waveform
from ser_pcq.models.classifier_onnx import INPUT, new_session
from ser_pcq.models.folder import GRAPH, find_model
from ser_pcq.models.sharing.graphs import session_options


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="an embedded one")
    parser.add_argument("folder", type=Path, help="of WAV files")
    parser.add_argument("--files", type=int, default=40, help="evenly spread")
    given = parser.parse_args()
    files = sorted(given.folder.glob("*.wav"))
    graph = find_model(given.model) / GRAPH
    options, kept = session_options(graph)
    with tempfile.TemporaryDirectory() as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = new_session(str(graph), options=options)
        for file in files[:: max(1, len(files) // given.files)]:
            session.run(None, {INPUT: read_waveform(file)[None]})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    del kept  # the weights, which the session did not copy
    spent: Counter[str] = Counter()
    nodes: dict[str, set[str]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
            operator = event["args"]["op_name"]
            spent[operator] += event["dur"]
            nodes.setdefault(operator, set()).add(event["name"])
    print("operator\tnodes\t% of the time")
    for operator, time in spent.most_common():
        print(f"{operator}\t{len(nodes[operator])}\t{100 * time / spent.total():.1f}")


if __name__ == "__main__":
    main()
