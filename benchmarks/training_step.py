"""Time the training step of the light network, part by part, on one CPU thread.

Prints tab-separated lines: the part, its milliseconds and its time as a multiple of one product of
two 1024×1024 matrices (float32) measured beside it, which is comparable between machines. Each
figure is processor time, the median over the rounds, in which the parts take turns, so that other
work on the machine affects all of them alike.

    python benchmarks/training_step.py --rounds 10
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ser_pcq.config import ModelConfig
from ser_pcq.models.pcq.network import PCQ

# As in recipes/conf/pcq-whisper.toml.
BATCH, IMAGE, CONTEXT, CLASSES = 32, (1, 40, 150), (2, 150, 512), 7
MODEL = ModelConfig(
    query_maps="shared",
    query_orientation="time-aligned",
    head="light",
    dropout=0.3,
    branch_dropout=0.5,
)
MATRIX = 1024


def there_and_back(part: Callable[..., Tensor], *inputs: Tensor) -> Callable[[], None]:
    """Return a function that runs `part` forward and backward."""

    def run() -> None:
        answer = part(*inputs)
        answer.backward(torch.ones_like(answer))
        for x in inputs:
            x.grad = None

    return run


def parts() -> dict[str, Callable[[], object]]:
    """Return what is timed, by name; the last is the unit."""
    torch.manual_seed(0)
    network = PCQ(MODEL, n_classes=CLASSES, image_shape=IMAGE, context_shape=CONTEXT).train()
    assert network.mlcnn is not None
    to_query_maps = network.query_maps
    assert to_query_maps is not None
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    image, context = torch.randn(BATCH, *IMAGE), torch.randn(BATCH, *CONTEXT)
    target = torch.randint(CLASSES, (BATCH,))
    matrix = torch.randn(MATRIX, MATRIX)

    def step() -> None:
        F.cross_entropy(network(image, context), target).backward()
        optimizer.step()
        optimizer.zero_grad()

    with torch.no_grad():
        halved = network.mlcnn.stem.halved(image)
        maps = network.mlcnn(image)
        query_maps = to_query_maps(context)
        pooled = torch.cat([m.mean(dim=(2, 3)) for m in maps], dim=1)
    stage_inputs = [x.detach().requires_grad_() for x in (halved, *maps[:3])]
    maps = [x.detach().requires_grad_() for x in maps]
    timed: dict[str, Callable[[], object]] = {"step": step}
    timed["stem"] = there_and_back(network.mlcnn.stem.halved, image)
    for k, stage in enumerate(network.mlcnn.stages):
        timed[f"stage {k + 1}"] = there_and_back(stage, stage_inputs[k])
    timed["query maps"] = lambda: to_query_maps(context)
    for k, query in enumerate(network.queries):
        timed[f"channel query {k + 1}"] = there_and_back(query, maps[k + 1], maps[k], query_maps[k])
    timed["head"] = there_and_back(network.head, pooled, maps[3].detach(), context)
    step()
    timed["optimiser"] = optimizer.step
    timed[f"matmul {MATRIX}"] = lambda: matrix @ matrix
    return timed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10, help="measurements of each part")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    timed = parts()
    milliseconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds + 1):
        for name, run in timed.items():
            started = time.process_time()
            run()
            milliseconds[name].append((time.process_time() - started) * 1e3)
    # The first round warms up.
    medians = {name: statistics.median(values[1:]) for name, values in milliseconds.items()}
    unit = medians[f"matmul {MATRIX}"]
    print("part\tms\tmatmuls")
    for name, value in medians.items():
        print(f"{name}\t{value:.1f}\t{value / unit:.2f}")


if __name__ == "__main__":
    main()
