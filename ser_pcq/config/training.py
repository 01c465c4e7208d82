"""The sections that describe a training: optimisation, and which utterances are for what."""

from dataclasses import dataclass
from typing import Annotated, Literal

from ser_pcq.config.ranges import Above, AtLeast, Share


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation."""

    epochs: Annotated[int, AtLeast(1)] = 30
    """Most passes over the training segments."""
    patience: Annotated[int, AtLeast(0)] = 0
    """Stop after so many epochs without a better WA + UA on the validation speakers; 0 never."""
    select: Literal["best", "last"] = "best"
    """`best`: the epoch best on the validation speakers. `last`: the last, fixed beforehand."""
    batch_size: Annotated[int, AtLeast(2)] = 32
    """Segments in a step, over all processes."""
    accumulate: Annotated[int, AtLeast(1)] = 1
    """Parts that the batch of a step is computed in, one after the other, where it does not fit the
    memory; batch normalisation sees each part by itself."""
    learning_rate: Annotated[float, Above(0)] = 1e-3
    """Peak learning rate of AdamW."""
    encoder_learning_rate: Annotated[float, AtLeast(0)] = 1e-5
    """Learning rate of a fine-tuned encoder, of its highest block with `layer_decay`."""
    layer_decay: Annotated[float, Above(0, up_to=1)] = 1.0
    """What the learning rate of a fine-tuned encoder is multiplied by from each block to the one
    below it; what is under the first block has the lowest. 1: the same rate everywhere."""
    freeze_features: bool = False
    """Keep the convolutions of a fine-tuned encoder as they were pretrained; what they compute
    then needs no memory until the gradients are taken."""
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    """`one-cycle`: short warm-up, then cosine to zero. `constant` is published."""
    weight_decay: Annotated[float, AtLeast(0)] = 0.05
    """AdamW weight decay."""
    decay_biases: bool = True
    """Weight decay also on biases and on the weights of normalisation (tensors of one dimension),
    in network and encoder; false spares them."""
    label_smoothing: Annotated[float, Share()] = 0.1
    """Share of the target spread evenly over the classes."""
    class_weights: bool = True
    """Weight classes by the inverse of their frequency in training."""
    gradient_clip: Annotated[float, AtLeast(0)] = 5.0
    """Largest gradient norm; 0 switches clipping off."""
    batch_statistics: Literal["recomputed", "running"] = "recomputed"
    """What batch normalisation uses outside training. `recomputed`: statistics of the unchanged
    training segments, taken anew after each epoch. `running`: the usual moving average, which lags
    behind and needs some hundred steps to mean anything."""
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    """Passed on to `accelerate`."""
    workers: Annotated[int, AtLeast(0)] = 0
    """Reader processes of the data loader."""


@dataclass(frozen=True)
class ProtocolConfig:
    """Which utterances train, validate and test."""

    name: Literal[
        "leave-one-speaker-out",
        "leave-one-session-out",
        "leave-one-sentence-out",
        "leave-one-corpus-out",
        "k-fold-by-speaker",
        "random",
        "official",
        "fixed",
        "all",
    ] = "leave-one-speaker-out"
    """`all` trains on every speaker and tests on none: for a model that is shipped. `random` needs
    `--allow-leakage`. `official` takes the corpus' own partition from `utt2split`, `fixed` the
    folds from `split`."""
    valid_speakers: Annotated[int, AtLeast(0)] = 1
    """Speakers taken from the training side for validation, never a test speaker (with
    `leave-one-sentence-out` sentences, with `leave-one-corpus-out` corpora, with `random`
    parts)."""
    session_mates: Literal["out", "in"] = "out"
    """`out`: where whole speakers are tested and sessions are known, nothing of a test speaker's
    sessions trains or validates; partners in a dialogue are heard on each other's recordings."""
    valid_from: Literal["train", "test"] = "train"
    """`test` chooses on the test fold itself, as many papers did; needs `--allow-leakage`."""
    refit: bool = False
    """Train again on training and validation speakers together, for as many epochs as were chosen
    on the validation speakers, and keep the temperature that was fitted on them."""
    adapt: Literal["none", "speaker"] = "none"
    """`speaker`: features are normalised with the unlabelled utterances of their own speaker,
    test speakers too. Another task, so scores name it."""
    balance: Literal["none", "corpus-emotion"] = "none"
    """`corpus-emotion`: each emotion of each corpus counts alike in training, however many
    utterances it has; for linear recognizers also where something is chosen or calibrated."""
    inner: Literal["protocol", "corpus"] = "protocol"
    """What linear recognizers leave out of the training side, one after the other, to choose and to
    calibrate where nothing validates. `protocol`: what the protocol validates with, mostly
    speakers. `corpus`: whole corpora, so that the confidence is one for unknown corpora."""
    folds: Annotated[int, AtLeast(2)] = 10
    """Folds of `k-fold-by-speaker` and `random`."""
    seed: Annotated[int, AtLeast(0)] = 0
    """Of the draw of `random`."""
    split: str = ""
    """A file with lists of folds, instead of the protocol's rule."""
