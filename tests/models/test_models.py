"""The network: published shapes and sizes, ablations, and what each block promises."""

import pytest
import torch
from torch import nn

from ser_pcq.config import ModelConfig
from ser_pcq.errors import ConfigError
from ser_pcq.models.pcq.channel_query import (
    ChannelNorm,
    ChannelQuery,
    DilatedConvolution,
    QueryMaps,
)
from ser_pcq.models.pcq.heads import HeadSizes, LightHead, PaperHead
from ser_pcq.models.pcq.mlcnn import MLCNN, ChannelAttention, DepthBlock, Stem, stage_sizes
from ser_pcq.models.pcq.network import PCQ

PUBLISHED_IMAGE = (3, 256, 384)
PUBLISHED_SIZES = [(127, 191), (63, 95), (31, 47), (15, 23)]
SMALL_IMAGE = (1, 64, 100)
CONTEXT = (3, 50, 24)


def n_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def published_network() -> PCQ:
    config = ModelConfig(head="paper", query_orientation="published")
    return PCQ(config, n_classes=4, image_shape=PUBLISHED_IMAGE, context_shape=(1, 149, 768))


def small_network(**changes) -> PCQ:
    return PCQ(
        ModelConfig(**changes), n_classes=5, image_shape=SMALL_IMAGE, context_shape=CONTEXT
    ).eval()


def small_batch(size: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(size, *SMALL_IMAGE, generator=generator)
    return image, torch.randn(size, *CONTEXT, generator=generator)


def test_published_stage_shapes():
    maps = MLCNN(3, (16, 32, 48, 64)).eval()(torch.zeros(1, *PUBLISHED_IMAGE))
    assert [tuple(m.shape) for m in maps] == [
        (1, channels, *size)
        for channels, size in zip((16, 32, 48, 64), PUBLISHED_SIZES, strict=True)
    ]
    assert maps[3].flatten(1).shape[1] == 22_080
    assert stage_sizes(256, 384) == PUBLISHED_SIZES


def test_published_parameter_counts():
    network = published_network()
    assert isinstance(network.head, PaperHead)
    assert network.head.weigh is not None
    assert n_parameters(network.head.weigh) == 22_080 * 149 + 149  # 3.29 M
    assert n_parameters(network.queries) == 15_720  # "about 15,700 in all three"
    assert 3.4e6 < n_parameters(network) < 3.5e6


def test_published_forward_gives_class_logits():
    network = published_network().eval()
    logits = network(torch.randn(1, *PUBLISHED_IMAGE), torch.randn(1, 1, 149, 768))
    assert logits.shape == (1, 4)
    assert torch.isfinite(logits).all()


def test_stem_keeps_two_views_and_loses_one_row_and_column():
    stem = Stem(2, 16)
    assert stem.tall.weight.shape == (8, 2, 10, 2)
    assert stem.long.weight.shape == (8, 2, 2, 8)
    assert stem(torch.zeros(1, 2, 40, 60)).shape == (1, 16, 39, 59)


def test_depth_block_is_a_residual():
    block = DepthBlock(8, expansion=2, reduction=4, activation="gelu").eval()
    nn.init.zeros_(block.contract_norm.weight)
    x = torch.randn(2, 8, 9, 11)
    assert torch.equal(block(x), x)


def test_channel_attention_scales_whole_channels_between_zero_and_one():
    x = torch.rand(2, 8, 5, 6) + 0.5
    ratio = ChannelAttention(8, 4)(x) / x
    assert torch.allclose(ratio, ratio[:, :, :1, :1].expand_as(ratio), atol=1e-6)
    assert ((ratio > 0) & (ratio < 1)).all()


def test_channel_norm_normalises_over_channels_at_each_place():
    y = ChannelNorm(12)(torch.randn(2, 12, 3, 4) * 7 + 5)
    assert torch.allclose(y.mean(1), torch.zeros(2, 3, 4), atol=1e-5)
    assert torch.allclose(y.var(1, unbiased=False), torch.ones(2, 3, 4), atol=1e-3)


def test_channel_query_answers_at_the_low_size_and_listens_to_the_query():
    block = ChannelQuery(32, 16).eval()
    high, low = torch.randn(2, 32, 7, 9), torch.randn(2, 16, 15, 19)
    query = torch.randn(2, 1, 15, 19)
    answer = block(high, low, query)
    assert answer.shape == low.shape
    assert not torch.allclose(answer, block(high, low, query + torch.randn_like(query)))


def test_shared_query_maps_are_pooled_from_one_another():
    sizes = [(12, 20), (6, 10), (3, 5)]
    maps = QueryMaps(sizes, per_depth=False, time_aligned=False)(torch.randn(2, 3, 24, 40))
    assert [tuple(m.shape) for m in maps] == [(2, 1, *size) for size in sizes]
    pooled = nn.functional.adaptive_avg_pool2d(maps[0], sizes[1])
    assert torch.allclose(pooled, maps[1])


def test_per_depth_query_maps_read_one_layer_each():
    context = torch.randn(2, 3, 24, 40)
    maps = QueryMaps([(12, 20), (6, 10), (3, 5)], per_depth=True, time_aligned=False)
    before = maps(context)
    changed = context.clone()
    changed[:, 1] += 1
    after = maps(changed)
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [True, False, True]


def test_time_aligned_maps_follow_time_along_the_frames():
    context = torch.zeros(1, 1, 40, 24)
    context[:, :, 20:] = 1.0  # the second half of the utterance
    aligned = QueryMaps([(12, 20)], per_depth=False, time_aligned=True)(context)[0]
    published = QueryMaps([(12, 20)], per_depth=False, time_aligned=False)(context)[0]
    assert aligned[0, 0, :, :10].sum() == 0
    assert (aligned[0, 0, :, 10:] == 1).all()
    assert published[0, 0, :6].sum() == 0
    assert (published[0, 0, 6:] == 1).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"channel_query": False},
        {"mlcnn": False},
        {"head": "paper"},
        {"head": "paper", "channel_query": False},
        {"query_maps": "per-depth"},
        {"query_orientation": "published"},
        {"activation": "relu", "expansion": 3, "reduction": 8},
    ],
)
def test_every_switch_gives_logits_and_gradients_everywhere(changes):
    network = small_network(**changes).train()
    image, context = small_batch()
    network(image, context).square().sum().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize("head", ["light", "paper"])
def test_without_context_the_network_needs_no_encoder(head):
    network = PCQ(ModelConfig(head=head), n_classes=5, image_shape=SMALL_IMAGE, context_shape=None)
    assert network.eval()(torch.randn(2, *SMALL_IMAGE), None).shape == (2, 5)


def test_an_image_that_is_too_small_is_refused():
    assert min(stage_sizes(17, 17)[-1]) == 1
    PCQ(ModelConfig(), n_classes=2, image_shape=(1, 17, 17), context_shape=None)
    with pytest.raises(ConfigError, match="n_mels"):
        PCQ(ModelConfig(), n_classes=2, image_shape=(1, 16, 300), context_shape=None)


def test_an_ablation_removes_what_it_names():
    full = n_parameters(small_network())
    no_query = small_network(channel_query=False)
    assert full - n_parameters(no_query) == 15_720
    assert small_network(mlcnn=False).mlcnn is None


@pytest.mark.parametrize("head", ["light", "paper"])
def test_shuffling_a_batch_shuffles_the_logits(head):
    network = small_network(head=head)
    image, context = small_batch(5)
    order = torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        straight = network(image, context)
        shuffled = network(image[order], context[order])
    assert torch.allclose(shuffled, straight[order], atol=1e-5)


@pytest.mark.parametrize("head", ["light", "paper"])
def test_a_batch_of_many_equals_many_of_one(head):
    network = small_network(head=head)
    image, context = small_batch(3)
    with torch.no_grad():
        together = network(image, context)
        alone = torch.cat([network(image[i : i + 1], context[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_the_halved_stem_is_the_stem_max_pooled_in_values_and_gradients():
    torch.manual_seed(3)
    stem = Stem(2, 16).double()
    nn.init.normal_(stem.tall_norm.weight)  # of both signs: pooling comes after the scale
    image = torch.randn(3, 2, 21, 30, dtype=torch.float64)
    results = []
    for pooled in (nn.functional.max_pool2d(stem(image), 2), stem.halved(image)):
        gradients = torch.autograd.grad(pooled.square().sum(), list(stem.parameters()))
        results.append([pooled, *gradients])
    assert results[0][0].shape == (3, 16, 10, 14)
    for plain, halved in zip(*results, strict=True):
        assert torch.allclose(plain, halved, atol=1e-10, rtol=1e-10)


def test_the_gradients_of_the_stem_hold_five_digits_over_a_large_batch():
    torch.manual_seed(4)
    image = torch.randn(32, 1, 40, 150) + 1
    stem = Stem(1, 16)
    gradients = []
    for dtype in (torch.float64, torch.float32):
        stem = stem.to(dtype)
        views = stem.halved(image.to(dtype))
        places = torch.linspace(0, 1, views.shape[3], dtype=dtype)
        parameters = list(stem.parameters())
        gradient = torch.autograd.grad((views * places).sum(), parameters)
        gradients.append(torch.cat([g.double().flatten() for g in gradient]))
    error = (gradients[1] - gradients[0]).norm() / gradients[0].norm()
    assert error < 1e-5


def test_maps_of_a_one_channel_image_lie_channels_last():
    maps = MLCNN(1, (16, 32, 48, 64))(torch.randn(2, 1, 40, 150))
    assert all(m.is_contiguous(memory_format=torch.channels_last) for m in maps)


@pytest.mark.parametrize("dilation", [1, 2, 5, 7])
def test_dilated_convolution_is_a_depthwise_convolution(dilation):
    torch.manual_seed(dilation)
    ours = DilatedConvolution(9, dilation).double()
    plain = nn.Conv2d(9, 9, 3, padding=dilation, dilation=dilation, groups=9).double()
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, 9, 12, 17, dtype=torch.float64, requires_grad=True)
    results = []
    for module in (ours, plain):
        y = module(x)
        results.append([y, *torch.autograd.grad(y.square().sum(), [x, *module.parameters()])])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-10)


@pytest.mark.parametrize("time_aligned", [True, False])
def test_the_first_query_map_is_the_deepest_layer_pooled(time_aligned):
    context = torch.randn(2, 3, 25, 41)
    maps = QueryMaps([(12, 20), (6, 10), (3, 5)], per_depth=False, time_aligned=time_aligned)
    layer = context[:, -1:].transpose(2, 3) if time_aligned else context[:, -1:]
    pooled = nn.functional.adaptive_avg_pool2d(layer, (12, 20))
    assert torch.allclose(maps(context)[0], pooled, atol=1e-6)


def test_the_light_head_reads_mean_and_deviation_over_time():
    sizes = HeadSizes(pooled=5, last=0, depth=3, frames=50, width=24)
    head = LightHead(ModelConfig(dropout=0.5), sizes, n_classes=4).eval()
    pooled, context = torch.randn(6, 5), torch.randn(6, *CONTEXT) * 3 + 10
    statistics = [context.mean(dim=2).flatten(1), context.std(dim=2, correction=0).flatten(1)]
    logits = head.classify(head.norm(torch.cat([pooled, *statistics], dim=1)))
    assert torch.allclose(head(pooled, pooled, context), logits, atol=1e-4)
