"""What a model costs: parameters, multiply-adds, time, memory, disk, and its training.

Only the public calls of a recognizer are used, so any model that `load_checkpoint` reads is
measured in the same way, from waveform to probabilities, its frontend and encoder included.

Run as a script, `model_cost.py CHECKPOINT SECONDS` prints the peak memory of its own process.
"""

import math
import os
import re
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from training_time import Training, finished_folds, training_of

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import SerError
from ser_pcq.models.checkpoint import AnyRecognizer, load_checkpoint
from ser_pcq.models.folder import EMBEDDED, embedded_models, find_model
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.models.sharing.files import weight_files

MATRIX = 1024
"""Side of the float32 matrices whose product is the unit of time."""


@dataclass(frozen=True)
class Cost:
    """What a model costs on the CPU.

    Attributes:
        name: As it was given.
        duration: Length of the waveform that it was measured on, s. What is given per second of
            speech depends on it, because a model works on whole segments.
        encoder_parameters: Number of parameters of the context encoder, as far as it is stored.
        network_parameters: Number of all others; of a linear recognizer the map and its
            standardisation.
        frozen_parameters: Those of the encoder that training does not change.
        macs: Multiply-adds per second of speech, see `count_macs`; None where they are not known,
            as openSMILE counts none.
        weights: Size of the file of weights, bytes.
        seconds: Processor time on one thread per second of speech, s; the median over the rounds.
        matmuls: The same as a multiple of one product of two `MATRIX` × `MATRIX` matrices that was
            timed in turn with it.
        memory: Peak memory of a process that loads the model and scores the waveform, Python and
            libraries included, bytes.
        training: What training took; None where that is not recorded.
    """

    name: str
    duration: float
    encoder_parameters: int
    network_parameters: int
    frozen_parameters: int
    macs: float | None
    weights: int
    seconds: float
    matmuls: float
    memory: int
    training: Training | None

    @property
    def parameters(self) -> int:
        """Number of all parameters."""
        return self.encoder_parameters + self.network_parameters

    @property
    def trainable_parameters(self) -> int:
        """Number of parameters that training fits."""
        return self.parameters - self.frozen_parameters


def measure(models: Sequence[str], *, duration: float = 3.0, rounds: int = 10) -> list[Cost]:
    """Measure models beside one another.

    Args:
        models: Embedded names, or folders as `find_model` takes them; of an experiment folder
            the first finished fold is measured.
        duration: Length of the waveform, noise, s.
        rounds: Timed passes of each model; they take turns, so that other work on the machine
            meets all of them, and a first pass of each warms up.

    Raises:
        CheckpointError: When a model is missing or damaged.
        SerError: When an argument is out of range, a history is damaged, or a process fails.
    """
    if not 0.1 <= duration < math.inf or rounds < 1:
        wrong = "the duration or the number of rounds is out of range"
        raise SerError(wrong, given=f"{duration} s, {rounds}", accepted="from 0.1 s, from 1")
    folders = [_checkpoint_folder(model) for model in models]
    recognizers = [load_checkpoint(str(folder)).recognizer for folder in folders]
    waveform = noise(duration)
    matrix = torch.randn(MATRIX, MATRIX)
    passes = [lambda r=one: r.log_probabilities(waveform) for one in recognizers]
    *times, unit = time_in_turn([*passes, lambda: matrix @ matrix], rounds)
    costs = []
    for model, folder, recognizer, seconds in zip(models, folders, recognizers, times, strict=True):
        counts = recognizer.parameter_counts()
        encoder = [p for n, p in recognizer.named_parameters() if n.startswith("encoder.")]
        macs = recognizer_macs(recognizer, waveform)
        costs.append(
            Cost(
                name=model,
                duration=duration,
                encoder_parameters=counts.encoder,
                network_parameters=counts.network,
                frozen_parameters=sum(p.numel() for p in encoder if not p.requires_grad),
                macs=None if macs is None else macs / duration,
                weights=sum(file.stat().st_size for file in weight_files(folder)),
                seconds=seconds / duration,
                matmuls=seconds / duration / unit,
                memory=peak_memory(folder, duration),
                training=None if folder.parent == EMBEDDED else training_of(Path(model)),
            )
        )
    return costs


def noise(duration: float) -> Tensor:
    """Return the waveform that models are measured on, (time,) at 16 kHz; always the same."""
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(round(duration * SAMPLE_RATE), generator=generator)


def _attention_flops(q: Any, k: Any, v: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Count FLOPs of attention from (batch, head, position, width): scores, then their mixture."""
    return 2 * math.prod(q[:3]) * k[2] * (q[3] + v[3])


@contextmanager
def _no_fused_kernels() -> Iterator[None]:
    """Run LSTMs and transformer layers as plain products: the counter knows no fused kernel."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            # Of an option for graphics cards that is set along.
            warnings.simplefilter("ignore", UserWarning)
            with torch.backends.mkldnn.flags(enabled=False):
                yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def count_macs(run: Callable[[], object]) -> int:
    """Count the multiply-adds of what `run` computes with torch on the CPU.

    `torch.utils.flop_counter.FlopCounterMode` sees each operator and counts, from the shapes, two
    FLOPs for a multiply-add of matrix products, convolutions and attention. So mel filters and a
    discrete Fourier transform that are written as products are counted. Not counted: fast Fourier
    transforms (the STFT), elementwise work such as activations, gates and normalisation, sums,
    pooling, softmax, resizing, and what is computed outside torch. Attention on the CPU, which
    torch up to 2.13 leaves out, is added.
    """
    on_cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    mode = FlopCounterMode(display=False, custom_mapping={on_cpu: _attention_flops})
    with _no_fused_kernels(), mode:
        run()
    return mode.get_total_flops() // 2


def recognizer_macs(recognizer: AnyRecognizer, waveform: Tensor) -> int | None:
    """Count the multiply-adds of scoring a waveform, (time,); None for openSMILE, not in torch."""
    if not isinstance(recognizer, Recognizer) and not recognizer.parameter_counts().encoder:
        return None
    trained = [p for p in recognizer.parameters() if p.requires_grad]
    # The counter follows gradients, which inference mode does not have.
    recognizer.requires_grad_(False)
    try:
        return count_macs(lambda: recognizer.log_probabilities(waveform))
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def time_in_turn(runs: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the median processor time of each function on one thread, s.

    On an idle machine that is the real time; waiting for other work is not counted.
    """
    seconds, n_threads = [list[float]() for _ in runs], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(rounds + 1):
            for taken, run in zip(seconds, runs, strict=True):
                started = time.process_time()
                run()
                taken.append(time.process_time() - started)
    finally:
        torch.set_num_threads(n_threads)
    # The first round warms up.
    return [statistics.median(taken[1:]) for taken in seconds]


def peak_memory(folder: Path, duration: float) -> int:
    """Return the peak memory of a new process that scores noise with a checkpoint, bytes.

    Raises:
        SerError: When the process fails.
    """
    command = [sys.executable, str(Path(__file__).resolve()), str(folder), str(duration)]
    # It finds the package where this process does, wherever that was started.
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    env = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise SerError("the process whose memory is measured failed", given=f"{folder} ({why})")
    return int(done.stdout)


def predict_once(folder: str, duration: float) -> int:
    """Load a checkpoint, score noise and return the peak resident memory of this process, bytes."""
    torch.set_num_threads(1)
    load_checkpoint(folder).recognizer.log_probabilities(noise(duration))
    # Not `ru_maxrss` on Linux: a new program inherits that of the process that started it.
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s*(\d+) kB", status.read_text() if status.exists() else "")
    if peak:
        return int(peak[1]) * 1024
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def _checkpoint_folder(model: str) -> Path:
    """Return the checkpoint to measure."""
    folds = [] if model in embedded_models() else finished_folds(Path(model))
    return find_model(str(folds[0] / "checkpoint") if folds else model)


if __name__ == "__main__":
    print(predict_once(sys.argv[1], float(sys.argv[2])))
