"""Example specs of every kind: what ``nlblocks verify`` runs and what the conformance suite is fed."""

from __future__ import annotations

from nlblocks.specs.article_digit_net import ArticleDigitNet
from nlblocks.specs.asymmetric_fusion_non_local import AsymmetricFusionNonLocal
from nlblocks.specs.asymmetric_pyramid_non_local import AsymmetricPyramidNonLocal
from nlblocks.specs.attention_resnet import AttentionResNet
from nlblocks.specs.axial_attention import AxialAttention
from nlblocks.specs.bam import BAM
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.bottleneck_attention import BottleneckAttention
from nlblocks.specs.cbam import CBAM
from nlblocks.specs.channel_affinity import ChannelAffinity
from nlblocks.specs.channel_attention import ChannelAttention
from nlblocks.specs.channel_gate import ChannelGate
from nlblocks.specs.class_specific_residual_attention import ClassSpecificResidualAttention
from nlblocks.specs.compact_generalised_non_local import CompactGeneralisedNonLocal
from nlblocks.specs.contextual_transformer import ContextualTransformer
from nlblocks.specs.contextual_window_attention import ContextualWindowAttention
from nlblocks.specs.coordinate_attention import CoordinateAttention
from nlblocks.specs.criss_cross_attention import CrissCrossAttention
from nlblocks.specs.digit_net import DigitNet
from nlblocks.specs.disentangled_non_local import DisentangledNonLocal
from nlblocks.specs.double_attention import DoubleAttention
from nlblocks.specs.dual_attention import DualAttention
from nlblocks.specs.effective_squeeze_excitation import EffectiveSqueezeExcitation
from nlblocks.specs.efficient_attention import EfficientAttention
from nlblocks.specs.efficient_channel_attention import EfficientChannelAttention
from nlblocks.specs.efficient_multi_scale_attention import EfficientMultiScaleAttention
from nlblocks.specs.expectation_maximisation_attention import ExpectationMaximisationAttention
from nlblocks.specs.external_attention import ExternalAttention
from nlblocks.specs.frequency_channel_attention import FrequencyChannelAttention
from nlblocks.specs.gather_excite import GatherExcite
from nlblocks.specs.gaussian_context import GaussianContext
from nlblocks.specs.global_context import GlobalContext
from nlblocks.specs.halo_attention import HaloAttention
from nlblocks.specs.interlaced_sparse_attention import InterlacedSparseAttention
from nlblocks.specs.lambda_layer import LambdaLayer
from nlblocks.specs.large_kernel_attention import LargeKernelAttention
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.multi_scale_convolutional_attention import MultiScaleConvolutionalAttention
from nlblocks.specs.non_local import MODES, NonLocal
from nlblocks.specs.object_attention import ObjectAttention
from nlblocks.specs.object_context import ObjectContext
from nlblocks.specs.parnet_attention import ParNetAttention
from nlblocks.specs.polarized_self_attention import PolarizedSelfAttention
from nlblocks.specs.position_attention import PositionAttention
from nlblocks.specs.position_sensitive_axial_attention import PositionSensitiveAxialAttention
from nlblocks.specs.pyramid_squeeze_attention import PyramidSqueezeAttention
from nlblocks.specs.relation_aware_attention import RelationAwareAttention
from nlblocks.specs.scse import SCSE
from nlblocks.specs.selective_kernel import SelectiveKernel
from nlblocks.specs.shuffle_attention import ShuffleAttention
from nlblocks.specs.simam import SimAM
from nlblocks.specs.spatial_gate import SpatialGate
from nlblocks.specs.spatial_gather import SpatialGather
from nlblocks.specs.spatial_group_enhance import SpatialGroupEnhance
from nlblocks.specs.split_attention import SplitAttention
from nlblocks.specs.squeeze_excitation import SqueezeExcitation
from nlblocks.specs.strip_attention import StripAttention
from nlblocks.specs.strip_pooling import StripPooling
from nlblocks.specs.style_recalibration import StyleRecalibration
from nlblocks.specs.triplet_attention import TripletAttention
from nlblocks.specs.weighted_permute_mlp import WeightedPermuteMLP

BIASED = BatchNorm(eps=1e-3, momentum=0.2, variance="biased")
BLOG_BLOCKS = (
    ChannelAffinity(in_channels=16),
    ChannelAffinity(in_channels=16, inter_channels=16, zero_init=False),
    ChannelAffinity(in_channels=16, mode="gaussian", zero_init=False),
    ChannelAffinity(in_channels=16, mode="dot_product", zero_init=False),
)
"""The four blocks of the Paddle blog's networks, small."""

EXAMPLES: tuple[BlockSpec, ...] = (
    *(NonLocal(in_channels=6, mode=mode) for mode in MODES),
    *(NonLocal(in_channels=5, dims=1, mode=mode, sub_sample="after", norm=None) for mode in MODES),
    *(NonLocal(in_channels=4, dims=3, mode=mode, sub_sample="before", scale="sqrt_inner") for mode in MODES),
    *(NonLocal(in_channels=7, inter_channels=3, mode=mode, sub_sample="after", norm=BIASED) for mode in MODES),
    NonLocal(in_channels=8, inter_channels=8, scale="sqrt_in", norm=BIASED, zero_init=False),
    NonLocal(in_channels=1),
    NonLocal(in_channels=5, mode="concatenation", affinity_bias=True, norm=None, zero_init=False),
    NonLocal(in_channels=6, output_bias=False, output_relu=True, norm=BIASED, zero_init=False),
    ChannelAffinity(in_channels=8),
    ChannelAffinity(in_channels=8, inter_channels=8, zero_init=False),
    ChannelAffinity(in_channels=5, mode="gaussian", zero_init=False),
    ChannelAffinity(in_channels=6, mode="dot_product", norm=BIASED),
    DigitNet(),
    SqueezeExcitation(in_channels=32),
    SqueezeExcitation(in_channels=9, ratio=2, pool="max", bias=True),
    SqueezeExcitation(in_channels=7, inter_channels=5, gate="hard_sigmoid", slope=0.2, bias=True),
    SqueezeExcitation(in_channels=20, ratio=4, divisor=8, pool="max", gate="hard_sigmoid"),
    SqueezeExcitation(in_channels=1),
    EfficientChannelAttention(in_channels=54),
    EfficientChannelAttention(in_channels=11, kernel_size=7, padding_mode="circular"),
    EfficientChannelAttention(in_channels=6, gamma=1.0, b=2.0),
    EfficientChannelAttention(in_channels=1, kernel_size=3, padding_mode="circular"),
    ChannelGate(in_channels=33),
    ChannelGate(in_channels=9, inter_channels=4, mlp_bias=False),
    ChannelGate(in_channels=16, mode="conv"),
    ChannelGate(in_channels=5, mode="conv", kernel_size=5),
    SpatialGate(),
    SpatialGate(kernel_size=3, order=("mean", "max"), norm=None, bias=True),
    SpatialGate(kernel_size=5, order=("mean", "max"), norm=BIASED, bias=True),
    SpatialGate(kernel_size=1, norm=None),
    CBAM(in_channels=32),
    CBAM(in_channels=7, ratio=2, mlp_bias=False, spatial_kernel_size=3, norm=None, spatial_bias=True),
    CBAM(in_channels=9, mode="conv", spatial_kernel_size=5, order=("mean", "max"), norm=BIASED),
    CBAM(in_channels=1, mode="conv", channel_kernel_size=3, norm=None),
    PositionAttention(in_channels=16),
    PositionAttention(in_channels=5, inter_channels=3),
    ChannelAttention(in_channels=7),
    ChannelAttention(in_channels=6, energy="plain"),
    DualAttention(in_channels=12, num_classes=3),
    DualAttention(in_channels=10, num_classes=2, inter_channels=5, energy="plain", auxiliary=True, norm=BIASED),
    CrissCrossAttention(in_channels=16),
    CrissCrossAttention(in_channels=6, inter_channels=2, recurrence=2),
    CrissCrossAttention(in_channels=5, dims=3, reduction=2, recurrence=3),
    RelationAwareAttention(in_channels=14, positions=15, channel_ratio=2, spatial_ratio=3, down_ratio=2),
    RelationAwareAttention(in_channels=6, positions=20, mode="spatial", channel_ratio=2, spatial_ratio=4, down_ratio=2),
    HaloAttention(in_channels=6, heads=2, key_channels=5, block_size=2, halo_size=1, pool=2),
    HaloAttention(in_channels=4, heads=2, block_size=2, halo_size=1, query_stride=2, bias=True, scale_position=True),
    HaloAttention(
        in_channels=5, heads=1, block_size=2, halo_size=1, mask_padding=True, kv_rows="keys_first", output=True
    ),
    LambdaLayer(in_channels=6, heads=2, key_channels=5, kernel_size=3),
    LambdaLayer(in_channels=8, heads=2, key_channels=3, kernel_size=None, map_size=(3, 4), bias=True, norm=BIASED),
    LambdaLayer(in_channels=4, heads=1, key_channels=3, kernel_size=3, pool=2),
    BottleneckAttention(in_channels=6, map_size=(4, 3), heads=2, key_channels=5, pool=2),
    BottleneckAttention(in_channels=5, map_size=(3, 4), heads=1, scale_position=True, projection="qk_v", bias=True),
    BottleneckAttention(in_channels=5, map_size=(3, 2), heads=2, position="absolute"),
    RelationAwareAttention(
        in_channels=10, positions=15, mode="channel", channel_ratio=2, spatial_ratio=3, down_ratio=3, norm=BIASED
    ),
    PolarizedSelfAttention(in_channels=6, bias=True),
    PolarizedSelfAttention(in_channels=5, inter_channels=3, norm="none", spatial_softmax="result", up_bias=False),
    PolarizedSelfAttention(in_channels=9, inter_channels=8, mode="sequential", norm="inner", spatial_softmax="value"),
    EfficientMultiScaleAttention(in_channels=6, groups=2),
    EfficientMultiScaleAttention(in_channels=3, groups=3),
    SelectiveKernel(in_channels=4, inter_channels=6),
    SelectiveKernel(
        in_channels=6, out_channels=4, inter_channels=3, split_input=True, stride=2, dilation=2, norm=BIASED
    ),
    SelectiveKernel(
        in_channels=4, out_channels=6, groups=2, inter_channels=5, conv_bias=True, fc_bias=True, joined=False
    ),
    SelectiveKernel(
        in_channels=3,
        kernel_sizes=(1, 3, 5, 7),
        dilated=False,
        inter_channels=4,
        conv_bias=True,
        reduce_norm=False,
        fc_bias=True,
        joined=False,
    ),
    ClassSpecificResidualAttention(in_channels=6, num_classes=3, temperatures=(1, 2, 4), maximum=True),
    ClassSpecificResidualAttention(
        in_channels=5, num_classes=2, temperatures=(), maximum=True, normalise=False, single=True
    ),
    AxialAttention(in_channels=6, heads=2, axis=3),
    AxialAttention(in_channels=5, heads=1, head_channels=3, dims=3, join="chain"),
    AxialAttention(in_channels=4, heads=4, dims=1),
    PositionSensitiveAxialAttention(in_channels=5, span=4, out_channels=8, heads=2),
    PositionSensitiveAxialAttention(in_channels=4, span=5, heads=1, along="width", stride=2, norm=BIASED),
    WeightedPermuteMLP(in_channels=6, segments=3),
    WeightedPermuteMLP(in_channels=4, segments=2, bias=True, dropout=0.1),
    ClassSpecificResidualAttention(in_channels=4, num_classes=1, weight=0.3),
    InterlacedSparseAttention(in_channels=4, partitions=((2, 3),)),
    InterlacedSparseAttention(
        in_channels=5,
        key_channels=2,
        value_channels=3,
        out_channels=4,
        form="module",
        partitions=((3, 2),),
        dropout=0.1,
        norm=BIASED,
    ),
    InterlacedSparseAttention(in_channels=4, key_channels=3, form="module", partitions=((3, 2), (2, 3))),
    InterlacedSparseAttention(in_channels=6, key_channels=4, form="attention", value_bias=True),
    SpatialGather(),
    SpatialGather(scale=2.5),
    BAM(in_channels=16, ratio=4),
    BAM(in_channels=6, inter_channels=3, join="product", dilation=2, norm=BIASED),
    BAM(in_channels=5, ratio=2, norm_place="output", depth=1, dilation=3),
    PyramidSqueezeAttention(in_channels=16, out_channels=64),
    PyramidSqueezeAttention(
        in_channels=4, out_channels=6, kernel_sizes=(1, 5, 3), branch_groups=(1, 2, 2), stride=2, inter_channels=3
    ),
    ParNetAttention(in_channels=6),
    ParNetAttention(in_channels=5, skip_norm=False, conv_bias=True, gate_bias=True, norm=BIASED),
    ParNetAttention(in_channels=6, out_channels=4, stride=2, groups=2, pool=True, act="relu"),
    ParNetAttention(in_channels=4, groups=2, dense=False, gate=False),
    SpatialGather(scale=1.7),
    AsymmetricPyramidNonLocal(in_channels=12, pool_sizes=(1, 3)),
    AsymmetricPyramidNonLocal(
        in_channels=8,
        key_channels=6,
        value_channels=5,
        out_channels=7,
        pool_sizes=(2, 4),
        conv_bias=True,
        dropout=0.1,
        zero_init=False,
        norm=BIASED,
    ),
    AsymmetricFusionNonLocal(low_channels=5, high_channels=12, pool_sizes=(1, 3)),
    AsymmetricFusionNonLocal(
        low_channels=9,
        high_channels=8,
        key_channels=6,
        value_channels=5,
        out_channels=7,
        pool_sizes=(2, 4),
        conv_bias=True,
        dropout=0.1,
        zero_init=False,
        norm=BIASED,
    ),
    ObjectAttention(in_channels=8, key_channels=6),
    ObjectAttention(in_channels=7, key_channels=5, out_channels=4, conv_bias=True, dropout=0.1, norm=BIASED),
    ObjectContext(in_channels=12),
    ObjectContext(in_channels=8, key_channels=5, out_channels=9, scale=0.7, conv_bias=True, dropout=0.2, norm=BIASED),
    ArticleDigitNet(image_size=9, width=6, hidden=20, mode="dot_product"),
    ArticleDigitNet(image_size=8, width=5, hidden=12, mode="none"),
    ArticleDigitNet(image_size=12, width=8, hidden=16, norm=None, in_channels=2, num_classes=3),
    AttentionResNet(width=8),
    *(AttentionResNet(width=4, attention=block, num_classes=7) for block in BLOG_BLOCKS),
    AttentionResNet(width=8, attention=NonLocal(in_channels=32, norm=BIASED)),
    AttentionResNet(width=4, attention=NonLocal(in_channels=8, sub_sample="after"), after_stage=2, in_channels=1),
    EffectiveSqueezeExcitation(in_channels=6),
    EffectiveSqueezeExcitation(in_channels=5, pool="avg_max", slope=0.2),
    EffectiveSqueezeExcitation(in_channels=1, gate="sigmoid"),
    ShuffleAttention(in_channels=12, groups=2),
    ShuffleAttention(in_channels=2, groups=1),
    SCSE(in_channels=6, inter_channels=2),
    SCSE(in_channels=5, ratio=2, join="max"),
    GlobalContext(in_channels=11, ratio=2),
    GlobalContext(in_channels=7, inter_channels=6, fuse="both", gate="hard_sigmoid", ln_eps=1e-6, zero_init=False),
    GlobalContext(in_channels=9, inter_channels=5, pool="mean", fuse="mul"),
    LargeKernelAttention(in_channels=4),
    LargeKernelAttention(in_channels=3, kernel_size=3, distant_kernel_size=5, dilation=2, residual=True),
    LargeKernelAttention(in_channels=1, residual=True),
    MultiScaleConvolutionalAttention(in_channels=4),
    MultiScaleConvolutionalAttention(in_channels=3, kernel_size=3, strip_sizes=(3, 5), residual=True),
    MultiScaleConvolutionalAttention(in_channels=1, kernel_size=1, strip_sizes=(5,)),
    SplitAttention(in_channels=8, groups=2, inter_channels=6),
    SplitAttention(in_channels=8, out_channels=5, radix=4, stride=2, inter_channels=6, fc_1_bias=False, norm=BIASED),
    SplitAttention(
        in_channels=4, out_channels=8, radix=1, groups=4, kernel_size=2, padding=1, dilation=2, bias=True, norm=None
    ),
    ExternalAttention(in_channels=6, slots=5),
    ExternalAttention(in_channels=6, out_channels=4, form="pre_norm", slots=9, heads=3, eps=1e-6, norm=BIASED),
    ExternalAttention(in_channels=5, form="tokens", slots=4, eps=0.0),
    ExternalAttention(in_channels=6, form="multi_head", slots=7, heads=8),
    CoordinateAttention(in_channels=5),
    CoordinateAttention(in_channels=7, inter_channels=3, norm=BIASED, gate="hard_sigmoid", bias=False, skip=True),
    CoordinateAttention(in_channels=1, inter_channels=2, norm=None, activation="relu"),
    DisentangledNonLocal(in_channels=6),
    DisentangledNonLocal(
        in_channels=7, mode="dot_product", whiten="channels", unary="none", norm=None, output_bias=True
    ),
    DisentangledNonLocal(in_channels=5, mode="concatenation", whiten="none", output_relu=True, norm=BIASED),
    DisentangledNonLocal(in_channels=6, sub_sample="before", unary="both", output=False, pair_gamma=True, norm=None),
    DisentangledNonLocal(in_channels=4, whiten="all", scale="none", temperature=0.5, output=False),
    CompactGeneralisedNonLocal(in_channels=6, inter_channels=4, groups=2),
    CompactGeneralisedNonLocal(in_channels=7, scale=True, zero_init=False),
    CompactGeneralisedNonLocal(in_channels=6, inter_channels=9, groups=3, taylor=(0.8, 0.2, -0.1), scale=True),
    StyleRecalibration(in_channels=5),
    StyleRecalibration(in_channels=6, eps=0.0, norm=BIASED, zero_init=False),
    GaussianContext(),
    GaussianContext(learned=True, alpha=1.5, beta=0.5, deviation="biased", eps=0.01),
    SpatialGroupEnhance(groups=4),
    SpatialGroupEnhance(groups=3, eps=0.1, bias_init=0.0),
    ExpectationMaximisationAttention(in_channels=7, num_bases=4),
    ExpectationMaximisationAttention(in_channels=6, num_bases=5, steps=2, guard="added", update="trainer", norm=BIASED),
    TripletAttention(),
    TripletAttention(kernel_size=3, spatial=False, norm=BIASED),
    StripPooling(in_channels=8, inter_channels=3, pool_sizes=(5, 3)),
    StripPooling(in_channels=6, inter_channels=3, pool_sizes=(4,), align_corners=False, norm=BIASED),
    StripAttention(in_channels=6, out_channels=4, output="gate"),
    StripAttention(in_channels=5, kernel_size=5, depthwise=True, bias=True, norm=BIASED, mix=False, output="skip"),
    StripAttention(in_channels=4, kernel_size=None, norm=None, mix=False, gate="hard_sigmoid"),
    StripAttention(in_channels=1, depthwise=True, norm=None, mix=False),
    DoubleAttention(in_channels=6, inter_channels=4, descriptors=3),
    DoubleAttention(in_channels=5, inter_channels=2, descriptors=4, reconstruct=False),
    DoubleAttention(in_channels=4, residual=True),
    EfficientAttention(in_channels=5, key_channels=4, value_channels=6, heads=2),
    EfficientAttention(in_channels=6, zero_init=True),
    ContextualTransformer(in_channels=8, inter_channels=6, key_groups=2, share=4),
    ContextualTransformer(in_channels=16, kernel_size=5, key_groups=8, share=4, groups=2, norm=BIASED),
    FrequencyChannelAttention(in_channels=16, ratio=4),
    FrequencyChannelAttention(in_channels=6, table_size=(9, 8), inter_channels=5, selection="low", num_frequencies=3),
    FrequencyChannelAttention(in_channels=1, table_size=(7, 14), selection="bottom", num_frequencies=1),
    ContextualWindowAttention(in_channels=8),
    ContextualWindowAttention(in_channels=6, kernel_size=5, key_groups=2, inter_channels=5, norm=BIASED),
    GatherExcite(in_channels=6, inter_channels=2),
    GatherExcite(in_channels=5, gather="avg_max", ratio=2),
    GatherExcite(in_channels=4, extent=2, gather="avg_max", inter_channels=3, gate="hard_sigmoid"),
    GatherExcite(in_channels=3, extent=4, gather="conv", mlp=False, norm=BIASED),
    GatherExcite(in_channels=4, gather="conv", feature_size=3, inter_channels=2, norm=None),
    SimAM(),
    SimAM(e_lambda=0.1),
)
