"""What linear recognizers ask of a configuration, and what they alone read."""

from dataclasses import replace
from typing import Any

from ser_pcq.config.checks import Rule
from ser_pcq.config.linear import DiscriminantConfig, SlimConfig, StatisticsConfig
from ser_pcq.config.network import AugmentConfig, ContextConfig, ModelConfig
from ser_pcq.config.training import ProtocolConfig


def copies_of(augment: AugmentConfig) -> dict[str, Any]:
    """Return the settings of augmentation that say which copies are made, by name."""
    names = ("speeds", "tempos", "voices", "voice_range", "noise_snr", "channels")
    return {name: getattr(augment, name) for name in names}


def linear_rules(
    model: ModelConfig, context: ContextConfig, augment: AugmentConfig, slim: SlimConfig
) -> list[Rule]:
    """Return what a linear recognizer asks of the encoder and of augmentation."""
    return [
        Rule(
            not model.sums_encoder_up or context.encoder != "none",
            "context.encoder",
            f'"none" with model.name = "{model.name}"',
            "an encoder",
        ),
        Rule(
            model.is_network or not context.fine_tune,
            "context.fine_tune",
            f'true with model.name = "{model.name}"',
            "false: a linear recognizer trains no encoder",
        ),
        Rule(
            model.is_network or augment == replace(AugmentConfig(), **copies_of(augment)),
            "augment",
            f'more than copies with model.name = "{model.name}"',
            "copies alone: a linear recognizer learns from whole utterances, without steps",
        ),
        *_slim_rules(slim, model, context),
    ]


def reader_rules(
    model: ModelConfig,
    statistics: StatisticsConfig,
    discriminant: DiscriminantConfig,
    protocol: ProtocolConfig,
) -> list[Rule]:
    """Return which values ask for a model that reads them: of others they would change nothing."""
    linear = 'model.name = "discriminant" or another linear recognizer'
    return [
        Rule(
            protocol.inner == "protocol" or not model.is_network,
            "protocol.inner",
            f'"{protocol.inner}" with model.name = "{model.name}"',
            '"protocol": a network leaves nothing out of its training side but validation speakers',
            f"leave protocol.inner out, or set {linear}",
        ),
        Rule(
            discriminant.prior == 0 or not model.is_network,
            "discriminant.prior",
            f'{discriminant.prior:g} with model.name = "{model.name}"',
            "0: a network learns by itself how likely emotions are",
            f"leave discriminant.prior out, or set {linear}",
        ),
        Rule(
            statistics.loudness == StatisticsConfig().loudness or model.sums_encoder_up,
            "statistics.loudness",
            f'{list(statistics.loudness)} with model.name = "{model.name}"',
            f"{list(StatisticsConfig().loudness)}: this model sums no frames of an encoder up",
            'leave statistics.loudness out, or set model.name = "discriminant" or "whisper-svm"',
        ),
    ]


def _slim_rules(slim: SlimConfig, model: ModelConfig, context: ContextConfig) -> list[Rule]:
    """Return what a slim encoder asks for; nothing where there are no ranks."""
    ranks = (*slim.conv, *slim.attention, *slim.feed_forward)
    if not ranks:
        return []
    return [
        Rule(
            len(slim.conv) == 2 and len(slim.attention) == 3 and min(ranks) >= 1,
            "slim",
            f"conv = {list(slim.conv)}, attention = {list(slim.attention)}",
            "two ranks and three ranks of 1 or more, or neither",
        ),
        Rule(
            len(slim.feed_forward) in (0, 3),
            "slim.feed_forward",
            list(slim.feed_forward),
            "[units, rank to them, rank from them], or nothing",
        ),
        Rule(
            model.sums_encoder_up,
            "slim",
            f'ranks with model.name = "{model.name}"',
            'model.name = "discriminant" or "whisper-svm", or no ranks',
        ),
        Rule(
            set(context.layers) <= {0, 1} and 1 in context.layers,
            "context.layers",
            f"{list(context.layers)} with a slim encoder",
            "1, with or without 0: it has no higher ones",
        ),
    ]
