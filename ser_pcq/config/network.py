"""The sections that describe the network: frontend, segments, context, model, augmentation."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, get_args

from ser_pcq.config.ranges import Above, AtLeast, Between, Each, FourMultiples, OneOf, Share

NetworkName: TypeAlias = Literal["pcq", "residual"]
"""Networks, which are trained by gradient."""

EncoderLinearName: TypeAlias = Literal["discriminant", "whisper-svm"]
"""Linear recognizers over the statistics of an encoder's frames."""

LinearName: TypeAlias = Literal[EncoderLinearName, "egemaps-svm", "compare-svm"]
"""Linear recognizers, which are solved for."""

HeadName: TypeAlias = Literal["light", "paper"]
"""Classifier heads of PCQ."""


@dataclass(frozen=True)
class FrontendConfig:
    """Waveform to spectrogram channels."""

    kind: Literal["log-mel", "published"] = "log-mel"
    """`published`: the paper's dB spectrogram as an image. `log-mel`: mel bands in log scale."""
    level: Literal["peak", "none"] = "peak"
    """`peak` scales each utterance to a peak of 1, so that the recording level gives no hint."""
    preemphasis: Annotated[float, Share()] = 0.0
    """Coefficient of y[n] = x[n] - a·x[n-1], applied before both branches
    (published: 0.97); 0 switches it off."""
    n_fft: Annotated[int, AtLeast(1)] = 512
    """Points of the Fourier transform; raised to the next power of two above a longer window."""
    win_length: Annotated[int, AtLeast(1)] = 400
    """Analysis window in samples."""
    hop_length: Annotated[int, AtLeast(1)] = 160
    """Step between frames in samples; must divide the segment length."""
    n_mels: Annotated[int, AtLeast(1)] = 64
    """Mel bands (`log-mel` only)."""
    f_min: float = 0.0
    """Lower edge of the mel filters in Hz, from 0 to below `f_max` (`log-mel` only)."""
    f_max: Annotated[float, Above(0, up_to=8000, unit="Hz")] = 8000.0
    """Upper edge of the mel filters in Hz (`log-mel` only)."""
    deltas: Annotated[int, OneOf((0, 1, 2))] = 0
    """0: static; 1: with Δ; 2: with Δ and ΔΔ, each a channel (`log-mel` only)."""
    extra_windows: Annotated[tuple[int, ...], Each(AtLeast(1))] = ()
    """More window lengths in samples, each a further channel (`log-mel` only)."""
    n_bins: Annotated[int, AtLeast(1)] = 200
    """Lowest Fourier bins that are kept (`published` only)."""
    image_height: Annotated[int, AtLeast(1)] = 256
    """Frequency size after resizing (`published` only)."""
    image_width: Annotated[int, AtLeast(1)] = 384
    """Frame size after resizing (`published` only)."""
    pad_with: Literal["maximum", "minimum"] = "maximum"
    """Padding value of the dB scale; the published code pads with 0 dB, its maximum."""


@dataclass(frozen=True)
class SegmentConfig:
    """Utterance to segments of one length."""

    duration: Annotated[float, Between(0.1, 60, "s")] = 3.0
    """Length of a segment in s."""
    padding: Literal["repeat", "zero", "published", "none"] = "repeat"
    """`repeat`: full segments spread evenly, a short utterance is repeated. `zero`: laid end to
    end, the last one padded at the end. `published`: the same with the published quirks (waveform
    padded at the front, one segment more where the length is an exact multiple). `none` (linear
    models only): an utterance is one segment, as long as itself; one longer than `duration` as few
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
    """The network, PCQ by default; paper names in brackets."""

    name: Literal[NetworkName, LinearName] = "pcq"
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
    channels: Annotated[tuple[int, int, int, int], FourMultiples(4)] = (16, 32, 48, 64)
    """Channels of the four stages."""
    expansion: Annotated[int, AtLeast(1)] = 2
    """Widening in a depth block (PDC)."""
    reduction: Annotated[int, AtLeast(1)] = 4
    """Bottleneck of its channel attention."""
    activation: Literal["gelu", "relu"] = "gelu"
    """Activation in a depth block."""
    head: HeadName = "light"
    """`paper`: the published classifier of 3.3 M parameters. `light`: statistics over time."""
    hidden: Annotated[int, AtLeast(1)] = 128
    """Width of the classifier's hidden layers."""
    dropout: Annotated[float, Share()] = 0.1
    """Dropout probability in the classifier."""
    branch_dropout: Annotated[float, Share()] = 0.0
    """Probability that a training segment hides its stage maps from the light head, so that the
    encoder's statistics must do alone; otherwise the maps, which learn the training speakers by
    heart sooner, leave them little to learn."""

    @property
    def is_network(self) -> bool:
        """Whether it is trained by gradient, not a linear classifier that is solved for."""
        return self.name in get_args(NetworkName)

    @property
    def sums_encoder_up(self) -> bool:
        """Whether it is a linear classifier over the statistics of an encoder's frames."""
        return self.name in get_args(EncoderLinearName)


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentation of training segments; everything is off at its default."""

    speeds: Annotated[tuple[float, ...], Each(AtLeast(0.1))] = ()
    """Speed factors; each adds a copy of every training utterance (pitch moves along)."""
    tempos: Annotated[tuple[float, ...], Each(AtLeast(0.1))] = ()
    """Tempo factors; each adds a copy of every training utterance (pitch stays)."""
    voices: Annotated[int, AtLeast(0)] = 0
    """Copies of every training utterance in other voices: pitch and formants are moved together,
    the tempo by itself, each by a factor drawn for the copy."""
    voice_range: Annotated[float, Share()] = 0.2
    """Widest change of a voice, in both directions, as natural logarithm of the factor."""
    noise_snr: tuple[float, ...] = ()
    """Signal-to-noise ratios in dB; each adds a copy with white noise at that level."""
    channels: Annotated[int, Between(0, 100)] = 0
    """Copies of every training utterance through other channels: an equaliser, and for some of them
    a room, noise, or a telephone, all drawn for the copy. At most 100: each takes the time and the
    space of a whole corpus."""
    frequency_mask: Annotated[float, Share()] = 0.0
    """SpecAugment: widest frequency mask, as a share of the bins."""
    time_mask: Annotated[float, Share()] = 0.0
    """SpecAugment: widest time mask, as a share of the frames; a second one, placed by itself,
    hides frames of a frozen encoder's output."""
    shift: bool = False
    """Let each training segment begin at another of its frames, what was before it at its end
    (without context only)."""
    mixup: Annotated[float, AtLeast(0)] = 0.0
    """Alpha of the Beta distribution that mixes pairs of segments; 0 switches it off."""
