"""The configuration: frozen dataclasses, one for each section, with meaning and unit per field.

How they are read from TOML stands in `config_file`.
"""

from dataclasses import dataclass, field
from typing import Literal

from ser_pcq.config.checks import check_ranges
from ser_pcq.config.linear import DiscriminantConfig, SlimConfig, StatisticsConfig, SvmConfig


@dataclass(frozen=True)
class FrontendConfig:
    """Waveform to spectrogram channels."""

    kind: Literal["log-mel", "published"] = "log-mel"
    """`published`: the paper's dB spectrogram as an image. `log-mel`: mel bands in log scale."""
    level: Literal["peak", "none"] = "peak"
    """`peak` scales each utterance to a peak of 1, so that recording level is no cue."""
    preemphasis: float = 0.0
    """Coefficient of y[n] = x[n] - a·x[n-1], applied before both branches
    (published: 0.97); 0 switches it off."""
    n_fft: int = 512
    """Points of the Fourier transform; raised to the next power of two above a longer window."""
    win_length: int = 400
    """Analysis window in samples."""
    hop_length: int = 160
    """Step between frames in samples; must divide the segment length."""
    n_mels: int = 64
    """Mel bands (`log-mel` only)."""
    f_min: float = 0.0
    """Lower edge of the mel filters in Hz (`log-mel` only)."""
    f_max: float = 8000.0
    """Upper edge of the mel filters in Hz (`log-mel` only)."""
    deltas: int = 0
    """0: static; 1: with Δ; 2: with Δ and ΔΔ, each a channel (`log-mel` only)."""
    extra_windows: tuple[int, ...] = ()
    """More window lengths in samples, each a further channel (`log-mel` only)."""
    n_bins: int = 200
    """Lowest Fourier bins that are kept (`published` only)."""
    image_height: int = 256
    """Frequency size after resizing (`published` only)."""
    image_width: int = 384
    """Frame size after resizing (`published` only)."""
    pad_with: Literal["maximum", "minimum"] = "maximum"
    """Padding value of the dB scale; the published code pads with 0 dB, its maximum."""


@dataclass(frozen=True)
class SegmentConfig:
    """Utterance to segments of one length."""

    duration: float = 3.0
    """Length of a segment in s."""
    padding: Literal["repeat", "zero", "published", "none"] = "repeat"
    """`repeat`: full segments spread evenly, a short utterance is repeated. `zero`: laid end to
    end, the last one padded at the end. `published`: the same with the published quirks (waveform
    padded at the front, one segment more where the length is an exact multiple). `none` (linear
    models only): an utterance is one segment of its own length, one longer than `duration` as few
    equal parts as fit."""


@dataclass(frozen=True)
class ContextConfig:
    """The self-supervised branch."""

    encoder: str = "whisper-base"
    """`whisper-base`, `wavlm-base-plus`, `none`, or the folder or hub name of a model."""
    layers: tuple[int, ...] = (2, 3)
    """Hidden states that are read; 0 is the input of the first block, -1 the last hidden state."""
    fine_tune: bool = False
    """Train the encoder with the network; otherwise it is frozen and its output cached."""
    normalise_waveform: bool = False
    """Zero mean and unit variance per segment before the encoder (published)."""


@dataclass(frozen=True)
class ModelConfig:
    """The network, PCQ unless told otherwise; paper names in brackets."""

    name: Literal[
        "pcq", "residual", "discriminant", "whisper-svm", "egemaps-svm", "compare-svm"
    ] = "pcq"
    """`pcq`: the network that the other keys describe. `residual`: a small residual network over
    the spectrogram alone, sized by `channels`, `reduction`, `hidden` and `dropout`. Or a linear
    classifier, which ignores the other keys here. `discriminant`: linear discriminant analysis over
    the statistics of all `context.layers` together. Baselines: a linear SVM over the statistics of
    one of these layers, or over openSMILE's eGeMAPSv02 or ComParE_2016 functionals."""
    mlcnn: bool = True
    """The spectrogram branch (MLCNN); false is the ablation without it."""
    channel_query: bool = True
    """The channel query blocks (CSQ); false is the ablation without them."""
    query_maps: Literal["shared", "per-depth"] = "shared"
    """`shared` (published): one map, pooled further for each stage. `per-depth`: one encoder depth
    for each of the three blocks, shallow with shallow."""
    query_orientation: Literal["published", "time-aligned"] = "time-aligned"
    """`published` lays encoder frames along the frequency axis; `time-aligned` along the frames."""
    channels: tuple[int, int, int, int] = (16, 32, 48, 64)
    """Channels of the four stages."""
    expansion: int = 2
    """Widening in a depth block (PDC)."""
    reduction: int = 4
    """Bottleneck of its channel attention."""
    activation: Literal["gelu", "relu"] = "gelu"
    """Activation in a depth block."""
    head: Literal["light", "paper"] = "light"
    """`paper`: the published classifier of 3.3 M parameters. `light`: statistics over time."""
    hidden: int = 128
    """Width of the classifier's hidden layers."""
    dropout: float = 0.1
    """Dropout probability in the classifier."""
    branch_dropout: float = 0.0
    """Probability that a training segment hides its stage maps from the light head, so that the
    encoder's statistics must do alone; otherwise the maps, which learn the training speakers by
    heart sooner, leave them little to learn."""

    @property
    def is_network(self) -> bool:
        """Whether it is trained by gradient, not a linear classifier that is solved for."""
        return self.name in ("pcq", "residual")


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentation of training segments; everything is off at its default."""

    speeds: tuple[float, ...] = ()
    """Speed factors; each adds a copy of every training utterance (pitch moves along)."""
    tempos: tuple[float, ...] = ()
    """Tempo factors; each adds a copy of every training utterance (pitch stays)."""
    voices: int = 0
    """Copies of every training utterance in other voices: pitch and formants are moved together,
    the tempo by itself, each by a factor drawn for the copy."""
    voice_range: float = 0.2
    """Widest change of a voice, in both directions, as natural logarithm of the factor."""
    noise_snr: tuple[float, ...] = ()
    """Signal-to-noise ratios in dB; each adds a copy with white noise at that level."""
    frequency_mask: float = 0.0
    """SpecAugment: widest frequency mask, as a share of the bins."""
    time_mask: float = 0.0
    """SpecAugment: widest time mask, as a share of the frames; a second one, placed by itself,
    hides frames of a frozen encoder's output."""
    shift: bool = False
    """Let each training segment begin at another of its frames, what was before it at its end
    (without context only)."""
    mixup: float = 0.0
    """Alpha of the Beta distribution that mixes pairs of segments; 0 switches it off."""


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation."""

    epochs: int = 30
    """Most passes over the training segments."""
    patience: int = 0
    """Stop after so many epochs without a better WA + UA on the validation speakers; 0 never."""
    select: Literal["best", "last"] = "best"
    """`best`: the epoch best on the validation speakers. `last`: the last, fixed beforehand."""
    batch_size: int = 32
    """Segments in a step, over all processes."""
    accumulate: int = 1
    """Parts that the batch of a step is computed in, one after the other, where it does not fit the
    memory; batch normalisation sees each part by itself."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW."""
    encoder_learning_rate: float = 1e-5
    """Learning rate of a fine-tuned encoder, of its highest block with `layer_decay`."""
    layer_decay: float = 1.0
    """What the learning rate of a fine-tuned encoder is multiplied by from each block to the one
    below it; what lies under the first block has the lowest. 1: the same rate everywhere."""
    freeze_features: bool = False
    """Keep the convolutions of a fine-tuned encoder as they were pretrained; what they compute
    then needs no memory until the gradients are taken."""
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    """`one-cycle`: short warm-up, then cosine to zero. `constant` is published."""
    weight_decay: float = 0.05
    """AdamW weight decay."""
    decay_biases: bool = True
    """Weight decay also on biases and on the weights of normalisation (tensors of one dimension),
    in network and encoder; false spares them."""
    label_smoothing: float = 0.1
    """Share of the target spread evenly over the classes, 0 to 1."""
    class_weights: bool = True
    """Weight classes by the inverse of their frequency in training."""
    gradient_clip: float = 5.0
    """Largest gradient norm; 0 switches clipping off."""
    batch_statistics: Literal["recomputed", "running"] = "recomputed"
    """What batch normalisation uses outside training. `recomputed`: statistics of the unchanged
    training segments, taken anew after each epoch. `running`: the usual moving average, which lags
    behind and needs some hundred steps to mean anything."""
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    """Passed on to `accelerate`."""
    workers: int = 0
    """Reader processes of the data loader."""


@dataclass(frozen=True)
class ProtocolConfig:
    """Which utterances train, validate and test."""

    name: Literal[
        "leave-one-speaker-out",
        "leave-one-session-out",
        "leave-one-sentence-out",
        "k-fold-by-speaker",
        "random",
        "official",
        "fixed",
        "all",
    ] = "leave-one-speaker-out"
    """`all` trains on every speaker and tests on none: for a model that is shipped. `random` needs
    `--allow-leakage`. `official` takes the corpus' own partition from `utt2split`, `fixed` the
    folds from `split`."""
    valid_speakers: int = 1
    """Speakers taken from the training side for validation, never a test speaker (with
    `leave-one-sentence-out` sentences, with `random` parts)."""
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
    folds: int = 10
    """Folds of `k-fold-by-speaker` and `random`."""
    seed: int = 0
    """Of the draw of `random`."""
    split: str = ""
    """A file with lists of folds, instead of the protocol's rule."""


@dataclass(frozen=True)
class Config:
    """Everything that defines a training run, apart from data, fold and seed."""

    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    context: ContextConfig = field(default_factory=ContextConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    statistics: StatisticsConfig = field(default_factory=StatisticsConfig)
    slim: SlimConfig = field(default_factory=SlimConfig)
    discriminant: DiscriminantConfig = field(default_factory=DiscriminantConfig)
    svm: SvmConfig = field(default_factory=SvmConfig)
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)

    def __post_init__(self) -> None:
        """Check what depends on more than one field."""
        check_ranges(self)
