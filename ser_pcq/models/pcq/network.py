"""PCQ: progressive channel querying (Wang, Wang, Yu, Jiao, ICIC 2024, arXiv 2407.12380).

::

    spectrogram ─ MLCNN ─ x1 ── x2 ── x3 ── x4
                           └ Z1 ┴ Z2 ─┴ Z3 ─┘        Z_k = ChannelQuery(x_k+1, x_k, Q_k)
    context ─── QueryMaps ─ Q1 ── Q2 ── Q3
                └────────────────────────────┬─ head ─ logits
              pooled Z1, Z2, Z3, x4 ─────────┘
"""

import torch
from torch import Tensor, nn

from ser_pcq.config import ModelConfig
from ser_pcq.errors import ConfigError
from ser_pcq.models.network import Network
from ser_pcq.models.pcq import HEADS
from ser_pcq.models.pcq.channel_query import ChannelQuery, QueryMaps
from ser_pcq.models.pcq.heads import HeadSizes
from ser_pcq.models.pcq.mlcnn import MLCNN, stage_sizes


def _check_sizes(sizes: list[tuple[int, int]], image_shape: tuple[int, int, int]) -> None:
    """Refuse an image that is too small to be halved four times."""
    if min(sizes[-1]) < 1:
        raise ConfigError(
            "the spectrogram is too small for four stages",
            given=f"{image_shape[1]} frequencies, {image_shape[2]} frames",
            accepted="17 or more of each",
            do="raise frontend.n_mels or segment.duration, or lower frontend.hop_length",
        )


class PCQ(Network):
    """The network without its frontend and its encoder.

    Args:
        config: The `[model]` section.
        n_classes: Emotions.
        image_shape: (channel, frequency, frame) of the spectrogram image.
        context_shape: (depth, frame, width) of the encoder's output; None without context.

    Raises:
        ConfigError: When the image is too small for four stages.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        n_classes: int,
        image_shape: tuple[int, int, int],
        context_shape: tuple[int, int, int] | None,
    ) -> None:
        super().__init__()
        self.mlcnn: MLCNN | None = None
        self.query_maps: QueryMaps | None = None
        self.queries = nn.ModuleList()
        channels = config.channels
        sizes = stage_sizes(image_shape[1], image_shape[2])
        if config.mlcnn:
            _check_sizes(sizes, image_shape)
        if config.mlcnn:
            self.mlcnn = MLCNN(
                image_shape[0],
                channels,
                expansion=config.expansion,
                reduction=config.reduction,
                activation=config.activation,
            )
        if config.mlcnn and config.channel_query:
            self.queries.extend(
                ChannelQuery(channels[k + 1], channels[k], with_query=context_shape is not None)
                for k in range(3)
            )
            if context_shape is not None:
                self.query_maps = QueryMaps(
                    sizes[:3],
                    per_depth=config.query_maps == "per-depth",
                    time_aligned=config.query_orientation == "time-aligned",
                )
        depth, n_frames, width = context_shape or (0, 0, 0)
        head_sizes = HeadSizes(
            pooled=sum(channels) if config.mlcnn else 0,
            last=(channels[3], *sizes[3]) if config.mlcnn else (0, 0, 0),
            depth=depth,
            frames=n_frames,
            width=width,
        )
        self.head = HEADS[config.head](config, head_sizes, n_classes)

    def joined_maps(self, image: Tensor, context: Tensor | None) -> list[Tensor]:
        """Return Z1, Z2, Z3 and x4, or x1 to x4 without channel queries.

        Shape:
            image (batch, channel, frequency, frame), context (batch, depth, frame, width) or None,
            to four maps (batch, channel, frequency, frame).
        """
        assert self.mlcnn is not None
        stages = self.mlcnn(image)
        if not self.queries:
            return stages
        maps: list[Tensor | None] = [None, None, None]
        if self.query_maps is not None and context is not None:
            maps = list(self.query_maps(context))
        joined = [query(stages[k + 1], stages[k], maps[k]) for k, query in enumerate(self.queries)]
        return [*joined, stages[3]]

    @property
    def last(self) -> nn.Linear:
        """The layer that makes logits of the features."""
        return self.head.classify

    def features(self, image: Tensor, context: Tensor | None) -> Tensor:
        """Return what enters the last layer.

        Shape:
            image (batch, channel, frequency, frame), context (batch, depth, frame, width) or None,
            to (batch, feature).
        """
        if self.mlcnn is None:
            pooled, last = image.new_zeros(image.shape[0], 0), image
        else:
            maps = self.joined_maps(image, context)
            last = maps[3]
            pooled = torch.cat([m.mean(dim=(2, 3)) for m in maps], dim=1)
        return self.head.features(pooled, last, context)
