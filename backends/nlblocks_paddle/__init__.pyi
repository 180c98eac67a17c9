# Made from the specs' fields by `python -m nlblocks.stubs`: not to be edited.

from typing import Any, Literal, overload

from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.article_digit_net import ArticleDigitNet as _ArticleDigitNet
from nlblocks_paddle.asymmetric_fusion_non_local import AsymmetricFusionNonLocal as _AsymmetricFusionNonLocal
from nlblocks_paddle.asymmetric_pyramid_non_local import AsymmetricPyramidNonLocal as _AsymmetricPyramidNonLocal
from nlblocks_paddle.attention_resnet import AttentionResNet as _AttentionResNet
from nlblocks_paddle.axial_attention import AxialAttention as _AxialAttention
from nlblocks_paddle.backend import backend as backend
from nlblocks_paddle.bam import BAM as _BAM
from nlblocks_paddle.bottleneck_attention import BottleneckAttention as _BottleneckAttention
from nlblocks_paddle.cbam import CBAM as _CBAM
from nlblocks_paddle.channel_affinity import ChannelAffinity as _ChannelAffinity
from nlblocks_paddle.channel_attention import ChannelAttention as _ChannelAttention
from nlblocks_paddle.channel_gate import ChannelGate as _ChannelGate
from nlblocks_paddle.class_specific_residual_attention import (
    ClassSpecificResidualAttention as _ClassSpecificResidualAttention,
)
from nlblocks_paddle.compact_generalised_non_local import CompactGeneralisedNonLocal as _CompactGeneralisedNonLocal
from nlblocks_paddle.contextual_transformer import ContextualTransformer as _ContextualTransformer
from nlblocks_paddle.contextual_window_attention import ContextualWindowAttention as _ContextualWindowAttention
from nlblocks_paddle.coordinate_attention import CoordinateAttention as _CoordinateAttention
from nlblocks_paddle.criss_cross_attention import CrissCrossAttention as _CrissCrossAttention
from nlblocks_paddle.digit_net import DigitNet as _DigitNet
from nlblocks_paddle.disentangled_non_local import DisentangledNonLocal as _DisentangledNonLocal
from nlblocks_paddle.double_attention import DoubleAttention as _DoubleAttention
from nlblocks_paddle.dual_attention import DualAttention as _DualAttention
from nlblocks_paddle.effective_squeeze_excitation import EffectiveSqueezeExcitation as _EffectiveSqueezeExcitation
from nlblocks_paddle.efficient_attention import EfficientAttention as _EfficientAttention
from nlblocks_paddle.efficient_channel_attention import EfficientChannelAttention as _EfficientChannelAttention
from nlblocks_paddle.efficient_multi_scale_attention import (
    EfficientMultiScaleAttention as _EfficientMultiScaleAttention,
)
from nlblocks_paddle.expectation_maximisation_attention import (
    ExpectationMaximisationAttention as _ExpectationMaximisationAttention,
)
from nlblocks_paddle.external_attention import ExternalAttention as _ExternalAttention
from nlblocks_paddle.frequency_channel_attention import FrequencyChannelAttention as _FrequencyChannelAttention
from nlblocks_paddle.gather_excite import GatherExcite as _GatherExcite
from nlblocks_paddle.gaussian_context import GaussianContext as _GaussianContext
from nlblocks_paddle.global_context import GlobalContext as _GlobalContext
from nlblocks_paddle.halo_attention import HaloAttention as _HaloAttention
from nlblocks_paddle.interlaced_sparse_attention import InterlacedSparseAttention as _InterlacedSparseAttention
from nlblocks_paddle.lambda_layer import LambdaLayer as _LambdaLayer
from nlblocks_paddle.large_kernel_attention import LargeKernelAttention as _LargeKernelAttention
from nlblocks_paddle.multi_scale_convolutional_attention import (
    MultiScaleConvolutionalAttention as _MultiScaleConvolutionalAttention,
)
from nlblocks_paddle.non_local import NonLocal as _NonLocal
from nlblocks_paddle.object_attention import ObjectAttention as _ObjectAttention
from nlblocks_paddle.object_context import ObjectContext as _ObjectContext
from nlblocks_paddle.parnet_attention import ParNetAttention as _ParNetAttention
from nlblocks_paddle.polarized_self_attention import PolarizedSelfAttention as _PolarizedSelfAttention
from nlblocks_paddle.position_attention import PositionAttention as _PositionAttention
from nlblocks_paddle.position_sensitive_axial_attention import (
    PositionSensitiveAxialAttention as _PositionSensitiveAxialAttention,
)
from nlblocks_paddle.pyramid_squeeze_attention import PyramidSqueezeAttention as _PyramidSqueezeAttention
from nlblocks_paddle.relation_aware_attention import RelationAwareAttention as _RelationAwareAttention
from nlblocks_paddle.scse import SCSE as _SCSE
from nlblocks_paddle.selective_kernel import SelectiveKernel as _SelectiveKernel
from nlblocks_paddle.shuffle_attention import ShuffleAttention as _ShuffleAttention
from nlblocks_paddle.simam import SimAM as _SimAM
from nlblocks_paddle.spatial_gate import SpatialGate as _SpatialGate
from nlblocks_paddle.spatial_gather import SpatialGather as _SpatialGather
from nlblocks_paddle.spatial_group_enhance import SpatialGroupEnhance as _SpatialGroupEnhance
from nlblocks_paddle.split_attention import SplitAttention as _SplitAttention
from nlblocks_paddle.squeeze_excitation import SqueezeExcitation as _SqueezeExcitation
from nlblocks_paddle.strip_attention import StripAttention as _StripAttention
from nlblocks_paddle.strip_pooling import StripPooling as _StripPooling
from nlblocks_paddle.style_recalibration import StyleRecalibration as _StyleRecalibration
from nlblocks_paddle.triplet_attention import TripletAttention as _TripletAttention
from nlblocks_paddle.weighted_permute_mlp import WeightedPermuteMLP as _WeightedPermuteMLP

class ArticleDigitNet(_ArticleDigitNet):
    """Two convolutions with one NonLocal between them, and one pooling: wider and shallower than :class:`DigitNet`."""

    spec: specs.ArticleDigitNet
    @overload
    def __init__(
        self,
        *,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 28,
        width: int = 64,
        hidden: int = 1024,
        mode: Literal["embedded_gaussian", "gaussian", "dot_product", "concatenation", "none"] = "embedded_gaussian",
        dropout: float = 0.5,
        norm: specs.BatchNorm | None = ...,
        seed: int | None = None,
    ) -> None:
        """Two convolutions with one NonLocal between them, and one pooling: wider and shallower than :class:`DigitNet`.

        Args:
            in_channels: channels of the image
            num_classes: width of the logits
            image_size: S, height and width of the image
            width: channels of the first convolution; the second has twice as many
            hidden: width of fc_1
            mode: affinity of the NonLocal block; none: no such block
            dropout: share of fc_1 that training drops
            norm: the BatchNorm of the NonLocal block, or None
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ArticleDigitNet, *, seed: int | None = None) -> None:
        """ArticleDigitNet of a spec."""
    @overload
    def __call__(self, x: Tensor, *, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, *, return_attention: Literal[True]) -> tuple[Tensor, dict[str, Tensor]]: ...
    @overload
    def __call__(self, x: Tensor, *, return_attention: bool) -> Tensor | tuple[Tensor, dict[str, Tensor]]: ...

class AsymmetricFusionNonLocal(_AsymmetricFusionNonLocal):
    """y_n = g([w(Σ_s a_ns v_s), high_n]), a_ns = softmax over the pooled places s of q(high)_n·k_s / √D."""

    spec: specs.AsymmetricFusionNonLocal
    @overload
    def __init__(
        self,
        *,
        low_channels: int,
        high_channels: int,
        key_channels: int | None = None,
        value_channels: int | None = None,
        out_channels: int | None = None,
        pool_sizes: tuple[int, ...] = ...,
        conv_bias: bool = False,
        dropout: float = 0.0,
        zero_init: bool = True,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y_n = g([w(Σ_s a_ns v_s), high_n]), a_ns = softmax over the pooled places s of q(high)_n·k_s / √D.

        Args:
            low_channels: L, channels of the lower features
            high_channels: C, channels of the higher features
            key_channels: D, width of queries and keys; None: half of C
            value_channels: E, width of the values; None: D
            out_channels: O, channels of the output; None: C
            pool_sizes: the sizes that keys and values are pooled to
            conv_bias: whether the convolutions before a BatchNorm have biases
            dropout: share of the output's channels that training drops
            zero_init: whether w starts at zero
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.AsymmetricFusionNonLocal, *, seed: int | None = None) -> None:
        """AsymmetricFusionNonLocal of a spec."""
    @overload
    def __call__(self, low: Tensor, high: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, low: Tensor, high: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, low: Tensor, high: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class AsymmetricPyramidNonLocal(_AsymmetricPyramidNonLocal):
    """y_n = g([w(Σ_s a_ns v_s), x_n]), a_ns = softmax over the pooled places s of k(x)_n·k_s / √D."""

    spec: specs.AsymmetricPyramidNonLocal
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        key_channels: int | None = None,
        value_channels: int | None = None,
        out_channels: int | None = None,
        pool_sizes: tuple[int, ...] = ...,
        conv_bias: bool = False,
        dropout: float = 0.0,
        zero_init: bool = True,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y_n = g([w(Σ_s a_ns v_s), x_n]), a_ns = softmax over the pooled places s of k(x)_n·k_s / √D.

        Args:
            in_channels: C, channels of x
            key_channels: D, width of queries and keys; None: half of C
            value_channels: E, width of the values; None: D
            out_channels: O, channels of the output; None: C
            pool_sizes: the sizes that keys and values are pooled to
            conv_bias: whether the convolutions before a BatchNorm have biases
            dropout: share of the output's channels that training drops
            zero_init: whether w starts at zero
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.AsymmetricPyramidNonLocal, *, seed: int | None = None) -> None:
        """AsymmetricPyramidNonLocal of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class AttentionResNet(_AttentionResNet):
    """The Paddle blog's ResNet-18 with one extra block: its baseline, and the networks it compares with it."""

    spec: specs.AttentionResNet
    @overload
    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 10,
        width: int = 64,
        attention: specs.BlockSpec | None = None,
        after_stage: int = 3,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """The Paddle blog's ResNet-18 with one extra block: its baseline, and the networks it compares with it.

        Args:
            in_channels: channels of the image
            num_classes: width of the logits
            width: channels of the first stage; each later stage has twice as many
            attention: the block in the extra place; None: a residual block
            after_stage: the stage that the extra place follows
            norm: every BatchNorm of the network itself
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.AttentionResNet, *, seed: int | None = None) -> None:
        """AttentionResNet of a spec."""
    @overload
    def __call__(self, x: Tensor, *, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, *, return_attention: Literal[True]) -> tuple[Tensor, dict[str, Tensor]]: ...
    @overload
    def __call__(self, x: Tensor, *, return_attention: bool) -> Tensor | tuple[Tensor, dict[str, Tensor]]: ...

class AxialAttention(_AxialAttention):
    """y = Σ_a attention_a(x), or attention_2(attention_1(x)): self-attention along one axis a at a time."""

    spec: specs.AxialAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        heads: int = 8,
        head_channels: int | None = None,
        dims: int = 2,
        axis: int = 1,
        join: Literal["sum", "chain"] = "sum",
        seed: int | None = None,
    ) -> None:
        """y = Σ_a attention_a(x), or attention_2(attention_1(x)): self-attention along one axis a at a time.

        Args:
            in_channels: C, channels of x
            heads: P, attention heads
            head_channels: E, width of a head; None: C // heads
            dims: axes to attend along: 1, 2 or 3
            axis: which axis of x holds the channels: 1 to dims + 1
            join: sum: every axis reads x; chain: one axis after the other
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.AxialAttention, *, seed: int | None = None) -> None:
        """AxialAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Any: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> Any: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Any: ...

class BAM(_BAM):
    """y = x · (1 + a), a = sigmoid(c + s): a bottleneck attention module over [B, C, H, W]."""

    spec: specs.BAM
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        ratio: int = 16,
        join: Literal["sum", "product"] = "sum",
        norm_place: Literal["hidden", "output"] = "hidden",
        depth: int = 2,
        dilation: int = 4,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y = x · (1 + a), a = sigmoid(c + s): a bottleneck attention module over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: D, the inner width; None: from ratio
            ratio: C // ratio is the inner width
            join: how channels and positions meet: sum or product
            norm_place: which layers a norm follows: hidden or output
            depth: number of dilated convolutions
            dilation: of those
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.BAM, *, seed: int | None = None) -> None:
        """BAM of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class BottleneckAttention(_BottleneckAttention):
    """y_n = Σ_m a_nm v_m, a = softmax_m(s · q_n·k_m + p_nm): the attention of BoTNet, on [B, C, H, W]."""

    spec: specs.BottleneckAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        map_size: tuple[int, int],
        heads: int = 4,
        key_channels: int | None = None,
        value_channels: int | None = None,
        position: Literal["relative", "absolute"] = "relative",
        scale_position: bool = False,
        projection: Literal["qkv", "qk_v"] = "qkv",
        bias: bool = False,
        pool: int = 1,
        seed: int | None = None,
    ) -> None:
        """y_n = Σ_m a_nm v_m, a = softmax_m(s · q_n·k_m + p_nm): the attention of BoTNet, on [B, C, H, W].

        Args:
            in_channels: C, channels of x
            map_size: H and W, fixed
            heads: G, heads
            key_channels: D, width of a head's queries and keys; None: V
            value_channels: V, width of a head's values; None: C // G, at least 1
            position: relative or absolute
            scale_position: whether the position term is divided by √D as well
            projection: one convolution (qkv), or one for queries and keys (qk_v)
            bias: whether the projections have biases
            pool: average pooling of the result: 1 or 2
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.BottleneckAttention, *, seed: int | None = None) -> None:
        """BottleneckAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Any]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Any]: ...

class CBAM(_CBAM):
    """z = spatial(channel(x)): a :class:`ChannelGate`, then a :class:`SpatialGate`, over [B, C, H, W]."""

    spec: specs.CBAM
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        mode: Literal["fc", "conv"] = "fc",
        ratio: int = 16,
        inter_channels: int | None = None,
        mlp_bias: bool = True,
        gamma: float = 2.0,
        b: float = 1.0,
        channel_kernel_size: int | None = None,
        spatial_kernel_size: int = 7,
        order: tuple[Literal["max", "mean"], Literal["max", "mean"]] = ...,
        norm: specs.BatchNorm | None = ...,
        spatial_bias: bool = False,
        seed: int | None = None,
    ) -> None:
        """z = spatial(channel(x)): a :class:`ChannelGate`, then a :class:`SpatialGate`, over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            mode: channel gate: fc or conv
            ratio: channel gate, fc: C // ratio is the width of the MLP
            inter_channels: channel gate, fc: the width itself; None: from ratio
            mlp_bias: channel gate, fc: whether the MLP has biases
            gamma: channel gate, conv: the kernel is |log2(C) + b| / gamma, made odd
            b: channel gate, conv: see gamma
            channel_kernel_size: channel gate, conv: the kernel itself, odd; None: from gamma and b
            spatial_kernel_size: spatial gate: the kernel, odd
            order: spatial gate: which comes first, max or mean
            norm: spatial gate: its BatchNorm, or None
            spatial_bias: spatial gate: whether its convolution has a bias
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.CBAM, *, seed: int | None = None) -> None:
        """CBAM of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, dict[str, Tensor]]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, dict[str, Tensor]]: ...

class ChannelAffinity(_ChannelAffinity):
    """z = BN(w_z(A·g(x))) + x, where A relates channels, not positions."""

    spec: specs.ChannelAffinity
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        mode: Literal["embedded_gaussian", "gaussian", "dot_product"] = "embedded_gaussian",
        norm: specs.BatchNorm = ...,
        zero_init: bool = True,
        seed: int | None = None,
    ) -> None:
        """z = BN(w_z(A·g(x))) + x, where A relates channels, not positions.

        Args:
            in_channels: C, channels of x
            inter_channels: D, width of theta, phi and g; None: C // 2, or C in gaussian mode
            mode: the affinity: embedded_gaussian, gaussian or dot_product
            norm: the BatchNorm after w_z
            zero_init: start as the identity: the weight of the norm at zero
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ChannelAffinity, *, seed: int | None = None) -> None:
        """ChannelAffinity of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ChannelAttention(_ChannelAttention):
    """y_i = gamma · Σ_j a_ij x_j + x_i over channels, a_ij from the energy E_ij = x_i·x_j."""

    spec: specs.ChannelAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        energy: Literal["negated", "plain"] = "negated",
        seed: int | None = None,
    ) -> None:
        """y_i = gamma · Σ_j a_ij x_j + x_i over channels, a_ij from the energy E_ij = x_i·x_j.

        Args:
            in_channels: C, channels of x
            energy: negated: softmax(max − E), the public code; plain: softmax(E), the paper
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ChannelAttention, *, seed: int | None = None) -> None:
        """ChannelAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ChannelGate(_ChannelGate):
    """y_c = x_c · a_c, a = sigmoid(f(mean(x)) + f(max(x))): CBAM's channel part over [B, C, H, W]."""

    spec: specs.ChannelGate
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        mode: Literal["fc", "conv"] = "fc",
        ratio: int = 16,
        inter_channels: int | None = None,
        mlp_bias: bool = True,
        gamma: float = 2.0,
        b: float = 1.0,
        kernel_size: int | None = None,
        seed: int | None = None,
    ) -> None:
        """y_c = x_c · a_c, a = sigmoid(f(mean(x)) + f(max(x))): CBAM's channel part over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            mode: fc: a shared MLP; conv: a 1-D convolution over channels
            ratio: fc: C // ratio is the width of the MLP
            inter_channels: fc: the width itself; None: from ratio
            mlp_bias: fc: whether the MLP has biases
            gamma: conv: the kernel is |log2(C) + b| / gamma, made odd
            b: conv: see gamma
            kernel_size: conv: the kernel itself, odd; None: from gamma and b
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ChannelGate, *, seed: int | None = None) -> None:
        """ChannelGate of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ClassSpecificResidualAttention(_ClassSpecificResidualAttention):
    """y_k = Σ_h mean_n(s_hkn) + weight · Σ_n softmax_n(T_h · s_hkn) s_hkn: logits of K classes from [B, C, H, W]."""

    spec: specs.ClassSpecificResidualAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        temperatures: tuple[float, ...] = ...,
        maximum: bool = False,
        weight: float = 0.1,
        normalise: bool = True,
        single: bool = False,
        seed: int | None = None,
    ) -> None:
        """y_k = Σ_h mean_n(s_hkn) + weight · Σ_n softmax_n(T_h · s_hkn) s_hkn: logits of K classes from [B, C, H, W].

        Args:
            in_channels: C, channels of x
            num_classes: K, the number of logits
            temperatures: T of each head with a softmax over positions
            maximum: one more head, which takes the largest score
            weight: of the attention term: the authors' lambda
            normalise: whether a class's weights are divided by their length
            single: the only head is held as such, not as a list of one
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ClassSpecificResidualAttention, *, seed: int | None = None) -> None:
        """ClassSpecificResidualAttention of a spec."""
    def __call__(self, x: Tensor) -> Tensor: ...

class CompactGeneralisedNonLocal(_CompactGeneralisedNonLocal):
    """y = x + norm(w_z(u)), u = θ · ⟨φ, g⟩ in each group: compact generalised non-local over [B, C, H, W]."""

    spec: specs.CompactGeneralisedNonLocal
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        groups: int = 1,
        scale: bool = False,
        taylor: tuple[float, ...] = ...,
        zero_init: bool = True,
        seed: int | None = None,
    ) -> None:
        """y = x + norm(w_z(u)), u = θ · ⟨φ, g⟩ in each group: compact generalised non-local over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: D, width of theta, phi and g; None: C // 2, at least 1
            groups: G, groups of channels with a number each
            scale: divide by √(K N)
            taylor: the factors of the powers 0, 1, ...; none: the plain product
            zero_init: start as the identity: the norm's weight at zero
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.CompactGeneralisedNonLocal, *, seed: int | None = None) -> None:
        """CompactGeneralisedNonLocal of a spec."""
    def __call__(self, x: Tensor) -> Tensor: ...

class ContextualTransformer(_ContextualTransformer):
    """y_c = a_1c · u_c + a_2c · k_c: a dynamic context u and a static one k of [B, C, H, W], weighed in each channel."""

    spec: specs.ContextualTransformer
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        kernel_size: int = 3,
        key_groups: int = 4,
        share: int = 8,
        groups: int = 1,
        inter_channels: int | None = None,
        ratio: int = 4,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y_c = a_1c · u_c + a_2c · k_c: a dynamic context u and a static one k of [B, C, H, W], weighed in each channel.

        Args:
            in_channels: C, channels of x
            kernel_size: K, the window, odd
            key_groups: groups of the convolution key
            share: how many channels take one set of weights
            groups: G, groups of mix, weigh and value
            inter_channels: D, the inner width of the join; None: from ratio
            ratio: 2C // ratio is that width, at least 32
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ContextualTransformer, *, seed: int | None = None) -> None:
        """ContextualTransformer of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ContextualWindowAttention(_ContextualWindowAttention):
    """y_cn = k_cn + a_cn · v_cn, a a softmax over the positions n of [B, C, H, W], channel by channel."""

    spec: specs.ContextualWindowAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        kernel_size: int = 3,
        key_groups: int = 4,
        inter_channels: int | None = None,
        ratio: int = 4,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y_cn = k_cn + a_cn · v_cn, a a softmax over the positions n of [B, C, H, W], channel by channel.

        Args:
            in_channels: C, channels of x
            kernel_size: K, of key, and whose square is averaged; odd
            key_groups: groups of the convolution key
            inter_channels: D, the inner width; None: from ratio
            ratio: 2C // ratio is the inner width
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ContextualWindowAttention, *, seed: int | None = None) -> None:
        """ContextualWindowAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class CoordinateAttention(_CoordinateAttention):
    """y_chw = x_chw · a_chw, a_chw = gate(rows(z))_ch · gate(columns(z))_cw: coordinate attention over [B, C, H, W]."""

    spec: specs.CoordinateAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        ratio: int = 32,
        bias: bool = True,
        norm: specs.BatchNorm | None = ...,
        activation: Literal["hard_swish", "relu"] = "hard_swish",
        gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid",
        skip: bool = False,
        seed: int | None = None,
    ) -> None:
        """y_chw = x_chw · a_chw, a_chw = gate(rows(z))_ch · gate(columns(z))_cw: coordinate attention over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: D, the inner width; None: C // ratio, at least 8
            ratio: C // ratio is the inner width, where that is at least 8
            bias: whether the three convolutions have biases
            norm: after the first convolution; None: none
            activation: after the norm: hard_swish or relu
            gate: sigmoid, or hard_sigmoid: relu6(x + 3) / 6
            skip: whether x is added to the scaled x
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.CoordinateAttention, *, seed: int | None = None) -> None:
        """CoordinateAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class CrissCrossAttention(_CrissCrossAttention):
    """y_u = gamma · Σ_j a_uj v(x_j) + x_u, where j runs over the positions on the axes through u."""

    spec: specs.CrissCrossAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        reduction: int = 8,
        inter_channels: int | None = None,
        dims: int = 2,
        recurrence: int = 1,
        seed: int | None = None,
    ) -> None:
        """y_u = gamma · Σ_j a_uj v(x_j) + x_u, where j runs over the positions on the axes through u.

        Args:
            in_channels: C, channels of x
            reduction: C // reduction is the width of queries and keys
            inter_channels: the width itself; None: from reduction
            dims: spatial dimensions: 2 or 3
            recurrence: how often the block is applied, with the same weights
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.CrissCrossAttention, *, seed: int | None = None) -> None:
        """CrissCrossAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class DigitNet(_DigitNet):
    """The MNIST network that Non-local_pytorch publishes: three conv stages with a NonLocal after the first two."""

    spec: specs.DigitNet
    @overload
    def __init__(
        self,
        *,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 28,
        mode: Literal["embedded_gaussian", "gaussian", "dot_product", "concatenation"] = "embedded_gaussian",
        dropout: float = 0.5,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """The MNIST network that Non-local_pytorch publishes: three conv stages with a NonLocal after the first two.

        Args:
            in_channels: channels of the image
            num_classes: width of the logits
            image_size: S, height and width of the image
            mode: affinity of the two NonLocal blocks
            dropout: share of fc_1 that training drops
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.DigitNet, *, seed: int | None = None) -> None:
        """DigitNet of a spec."""
    @overload
    def __call__(self, x: Tensor, *, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, *, return_attention: Literal[True]) -> tuple[Tensor, dict[str, Tensor]]: ...
    @overload
    def __call__(self, x: Tensor, *, return_attention: bool) -> Tensor | tuple[Tensor, dict[str, Tensor]]: ...

class DisentangledNonLocal(_DisentangledNonLocal):
    """y = x + w_z(gamma · Σ_j a_ij g_j + Σ_j u_j g_j): a disentangled non-local block over [B, C, H, W]."""

    spec: specs.DisentangledNonLocal
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        mode: Literal["embedded_gaussian", "dot_product", "concatenation"] = "embedded_gaussian",
        sub_sample: Literal["none", "before"] = "none",
        scale: Literal["none", "sqrt_inner"] = "sqrt_inner",
        temperature: float = 0.05,
        whiten: Literal["none", "positions", "channels", "all"] = "positions",
        unary: Literal["none", "mask", "mean", "both"] = "mask",
        pair_gamma: bool = False,
        output: bool = True,
        output_bias: bool = False,
        norm: specs.BatchNorm | None = ...,
        output_relu: bool = False,
        zero_init: bool = True,
        seed: int | None = None,
    ) -> None:
        """y = x + w_z(gamma · Σ_j a_ij g_j + Σ_j u_j g_j): a disentangled non-local block over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: D, width of theta and phi; None: C // 2, at least 1
            mode: embedded_gaussian, dot_product or concatenation
            sub_sample: max pooling of what keys, values and mask are made of: none or before
            scale: what the affinity is divided by: none (1) or sqrt_inner (√D)
            temperature: τ, what embedded_gaussian divides the affinity by as well
            whiten: the mean taken off theta and phi: over positions, channels, all, or none
            unary: the map that all positions share: mask, mean, both or none
            pair_gamma: a learned scalar before the pairwise part, 0 at the start
            output: whether there is a w_z; without, g is as wide as x
            output_bias: whether w_z has a bias
            norm: the BatchNorm at the end, or None
            output_relu: a ReLU at the end, before the sum
            zero_init: start as the identity: the last layer at zero
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.DisentangledNonLocal, *, seed: int | None = None) -> None:
        """DisentangledNonLocal of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Any]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Any]: ...

class DoubleAttention(_DoubleAttention):
    """y_n = reconstruct(Σ_k d_nk g_k), g_k = Σ_n s_nk features(x_n): double attention (A²) over [B, C, H, W]."""

    spec: specs.DoubleAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        descriptors: int | None = None,
        reconstruct: bool = True,
        residual: bool = False,
        seed: int | None = None,
    ) -> None:
        """y_n = reconstruct(Σ_k d_nk g_k), g_k = Σ_n s_nk features(x_n): double attention (A²) over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: D, width of the features; None: C // 4, at least 1
            descriptors: K, how many descriptors; None: C // 4, at least 1
            reconstruct: whether a convolution leads back to C channels
            residual: whether x is added
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.DoubleAttention, *, seed: int | None = None) -> None:
        """DoubleAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, dict[str, Tensor]]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, dict[str, Tensor]]: ...

class DualAttention(_DualAttention):
    """DANet's head: features [B, C, H, W] → logits [B, K, H, W] at the same resolution."""

    spec: specs.DualAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        reduction: int = 4,
        inter_channels: int | None = None,
        query_reduction: int = 8,
        energy: Literal["negated", "plain"] = "negated",
        dropout: float = 0.1,
        auxiliary: bool = False,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """DANet's head: features [B, C, H, W] → logits [B, K, H, W] at the same resolution.

        Args:
            in_channels: C, channels of x
            num_classes: K, channels of the logits
            reduction: C // reduction is the width of both branches
            inter_channels: the width itself; None: from reduction
            query_reduction: reduction of the position branch
            energy: energy of the channel branch: negated or plain
            dropout: share of channels that training drops before each classifier
            auxiliary: also return the logits of each branch, stacked
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.DualAttention, *, seed: int | None = None) -> None:
        """DualAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, dict[str, Tensor]]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, dict[str, Tensor]]: ...

class EffectiveSqueezeExcitation(_EffectiveSqueezeExcitation):
    """y_c = x_c · a_c, a = gate(fc(pool(x))): effective squeeze-and-excitation over [B, C, H, W]."""

    spec: specs.EffectiveSqueezeExcitation
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        pool: Literal["avg", "avg_max"] = "avg",
        gate: Literal["sigmoid", "hard_sigmoid"] = "hard_sigmoid",
        slope: float = 0.16666666666666666,
        seed: int | None = None,
    ) -> None:
        """y_c = x_c · a_c, a = gate(fc(pool(x))): effective squeeze-and-excitation over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            pool: how x is squeezed: avg, or avg_max: half mean, half maximum
            gate: hard_sigmoid: slope · x + 0.5 clipped to [0, 1], or sigmoid
            slope: of the hard sigmoid
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.EffectiveSqueezeExcitation, *, seed: int | None = None) -> None:
        """EffectiveSqueezeExcitation of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class EfficientAttention(_EfficientAttention):
    """z = x + reproject(y), y_n = Σ_m a_nm v_m, a_nm = Σ_d q_nd k_md in each head: efficient attention, [B, C, H, W]."""

    spec: specs.EfficientAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        key_channels: int | None = None,
        value_channels: int | None = None,
        heads: int = 1,
        zero_init: bool = False,
        seed: int | None = None,
    ) -> None:
        """z = x + reproject(y), y_n = Σ_m a_nm v_m, a_nm = Σ_d q_nd k_md in each head: efficient attention, [B, C, H, W].

        Args:
            in_channels: C, channels of x
            key_channels: D, width of queries and keys; None: C // 2, at least 1
            value_channels: E, width of values; None: C // 2, at least 1
            heads: runs of channels that attend apart
            zero_init: start as the identity: reproject at zero
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.EfficientAttention, *, seed: int | None = None) -> None:
        """EfficientAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Any: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> Any: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Any: ...

class EfficientChannelAttention(_EfficientChannelAttention):
    """y_c = x_c · a_c, a = sigmoid(conv(mean(x))): efficient channel attention over [B, C, H, W]."""

    spec: specs.EfficientChannelAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        gamma: float = 2.0,
        b: float = 1.0,
        kernel_size: int | None = None,
        padding_mode: Literal["zeros", "circular"] = "zeros",
        seed: int | None = None,
    ) -> None:
        """y_c = x_c · a_c, a = sigmoid(conv(mean(x))): efficient channel attention over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            gamma: the kernel is |log2(C) + b| / gamma, made odd
            b: see gamma
            kernel_size: the kernel itself, odd; None: from gamma and b
            padding_mode: ends of the channel axis: zeros or circular
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.EfficientChannelAttention, *, seed: int | None = None) -> None:
        """EfficientChannelAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class EfficientMultiScaleAttention(_EfficientMultiScaleAttention):
    """y_n = u_n · sigmoid(Σ_d softmax_d(mean(p))_d q_dn + Σ_d softmax_d(mean(q))_d p_dn), in each group u of channels."""

    spec: specs.EfficientMultiScaleAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        groups: int = 32,
        seed: int | None = None,
    ) -> None:
        """y_n = u_n · sigmoid(Σ_d softmax_d(mean(p))_d q_dn + Σ_d softmax_d(mean(q))_d p_dn), in each group u of channels.

        Args:
            in_channels: C, channels of x
            groups: G, groups of channels, which share their weights
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.EfficientMultiScaleAttention, *, seed: int | None = None) -> None:
        """EfficientMultiScaleAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ExpectationMaximisationAttention(_ExpectationMaximisationAttention):
    """y_n = Σ_k a_nk · μ_k: the positions of [B, C, H, W] as sums of K bases that EM fits to them in each image."""

    spec: specs.ExpectationMaximisationAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        num_bases: int = 64,
        steps: int = 3,
        guard: Literal["clamped", "added"] = "clamped",
        update: Literal["self", "trainer"] = "self",
        momentum: float = 0.1,
        norm: specs.BatchNorm | None = None,
        seed: int | None = None,
    ) -> None:
        """y_n = Σ_k a_nk · μ_k: the positions of [B, C, H, W] as sums of K bases that EM fits to them in each image.

        Args:
            in_channels: C, channels of x
            num_bases: K, bases
            steps: how often bases are fitted
            guard: how a sum or a length is kept from zero: clamped or added
            update: who moves the bases in training: self or trainer
            momentum: weight of a batch's bases in that
            norm: the BatchNorm after conv_2 of the authors' unit, or None: no such unit
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ExpectationMaximisationAttention, *, seed: int | None = None) -> None:
        """ExpectationMaximisationAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ExternalAttention(_ExternalAttention):
    """m(u)_n = Σ_k a_nk v_k, a_nk = s_nk / (eps + Σ_k s_nk), s = softmax over n of key(u): a memory of K slots."""

    spec: specs.ExternalAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int | None = None,
        form: Literal["residual", "pre_norm", "tokens", "multi_head"] = "residual",
        slots: int = 64,
        heads: int = 1,
        inter_channels: int | None = None,
        eps: float = 1e-09,
        norm: specs.BatchNorm = ...,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        seed: int | None = None,
    ) -> None:
        """m(u)_n = Σ_k a_nk v_k, a_nk = s_nk / (eps + Σ_k s_nk), s = softmax over n of key(u): a memory of K slots.

        Args:
            in_channels: C, channels of x
            out_channels: O, pre_norm's channels of y; None: C
            form: what is around the memory: residual, pre_norm, tokens or multi_head
            slots: K, the memory's slots
            heads: pre_norm: runs of slots; multi_head: runs of D
            inter_channels: D, multi_head's inner width; None: 4 C
            eps: added to a position's sum of shares
            norm: the BatchNorm of residual and pre_norm
            attention_dropout: multi_head: share of the map's entries that training drops
            dropout: multi_head: share of the output that training drops
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ExternalAttention, *, seed: int | None = None) -> None:
        """ExternalAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Any: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> Any: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Any: ...

class FrequencyChannelAttention(_FrequencyChannelAttention):
    """y_c = x_c · a_c, a = sigmoid(fc_2(relu(fc_1(s)))), s_c = Σ_tr pool(x)_ctr · table_ctr: over [B, C, H, W]."""

    spec: specs.FrequencyChannelAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        table_size: tuple[int, int] = ...,
        inter_channels: int | None = None,
        ratio: int = 16,
        selection: Literal["top", "low", "bottom"] = "top",
        num_frequencies: int = 16,
        seed: int | None = None,
    ) -> None:
        """y_c = x_c · a_c, a = sigmoid(fc_2(relu(fc_1(s)))), s_c = Σ_tr pool(x)_ctr · table_ctr: over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            table_size: rows and columns of the table
            inter_channels: D, the inner width; None: C // ratio, at least 1
            ratio: C // ratio is the inner width
            selection: which frequencies: top, low or bottom
            num_frequencies: how many, at most 32; C must be a multiple
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.FrequencyChannelAttention, *, seed: int | None = None) -> None:
        """FrequencyChannelAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class GatherExcite(_GatherExcite):
    """y_cn = x_cn · a_cn, a = upsample(gate(mlp(gather(x)))): gather-excite over [B, C, H, W]."""

    spec: specs.GatherExcite
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        extent: int = 0,
        gather: Literal["avg", "avg_max", "conv"] = "avg",
        feature_size: int | None = None,
        mlp: bool = True,
        inter_channels: int | None = None,
        ratio: int = 16,
        norm: specs.BatchNorm | None = ...,
        gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid",
        seed: int | None = None,
    ) -> None:
        """y_cn = x_cn · a_cn, a = upsample(gate(mlp(gather(x)))): gather-excite over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            extent: e, how far is gathered: 0 is the whole map, else even
            gather: how: avg, avg_max or conv
            feature_size: conv with extent 0: the size of its kernel
            mlp: whether two layers mix the channels
            inter_channels: D, the inner width itself; None: from ratio
            ratio: C // ratio is the inner width
            norm: conv: the BatchNorm after each convolution, or None
            gate: sigmoid, or hard_sigmoid: x / 6 + 0.5 clipped to [0, 1]
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.GatherExcite, *, seed: int | None = None) -> None:
        """GatherExcite of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class GaussianContext(_GaussianContext):
    """y_c = x_c · exp(-z_c² / (2 c²)): the Gaussian context transformer over [B, C, H, W]."""

    spec: specs.GaussianContext
    @overload
    def __init__(
        self,
        *,
        c: float = 2.0,
        learned: bool = False,
        alpha: float = 3.0,
        beta: float = 1.0,
        deviation: Literal["unbiased", "biased"] = "unbiased",
        eps: float = 1e-05,
        seed: int | None = None,
    ) -> None:
        """y_c = x_c · exp(-z_c² / (2 c²)): the Gaussian context transformer over [B, C, H, W].

        Args:
            c: the deviation of the Gaussian, where it is not learned
            learned: whether it is alpha · sigmoid(theta) + beta
            alpha: learned: the range of c
            beta: learned: the least c
            deviation: what z is divided by: unbiased or biased
            eps: added to the deviation, or to the variance where it is biased
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.GaussianContext, *, seed: int | None = None) -> None:
        """GaussianContext of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class GlobalContext(_GlobalContext):
    """y = x · gate(mul(c)) + add(c), c = Σ_n a_n x_n: global context over [B, C, H, W]."""

    spec: specs.GlobalContext
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        ratio: int = 16,
        pool: Literal["attention", "mean"] = "attention",
        fuse: Literal["add", "mul", "both"] = "add",
        gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid",
        ln_eps: float = 1e-05,
        zero_init: bool = True,
        seed: int | None = None,
    ) -> None:
        """y = x · gate(mul(c)) + add(c), c = Σ_n a_n x_n: global context over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: D, the inner width itself; None: from ratio
            ratio: C // ratio is the inner width
            pool: how x is pooled: attention or mean
            fuse: what the context does to x: add, mul or both
            gate: what makes the gate of mul: sigmoid or hard_sigmoid
            ln_eps: eps of the LayerNorm
            zero_init: the last layer at zero: with add, start as the identity
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.GlobalContext, *, seed: int | None = None) -> None:
        """GlobalContext of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Any]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Any]: ...

class HaloAttention(_HaloAttention):
    """y_n = Σ_m a_nm v_m, a = softmax_m(s · q_n·k_m + p_nm), m over the window of n's block, on [B, C, H, W]."""

    spec: specs.HaloAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        heads: int = 8,
        key_channels: int | None = None,
        value_channels: int | None = None,
        block_size: int = 8,
        halo_size: int = 3,
        query_stride: int = 1,
        scale_position: bool = False,
        mask_padding: bool = False,
        kv_rows: Literal["by_head", "keys_first"] = "by_head",
        bias: bool = False,
        output: bool = False,
        pool: int = 1,
        seed: int | None = None,
    ) -> None:
        """y_n = Σ_m a_nm v_m, a = softmax_m(s · q_n·k_m + p_nm), m over the window of n's block, on [B, C, H, W].

        Args:
            in_channels: C, channels of x
            heads: G, heads
            key_channels: D, width of a head's queries and keys; None: V
            value_channels: V, width of a head's values; None: C // G, at least 1
            block_size: b, positions a side of a block
            halo_size: positions around a block that it attends to
            query_stride: t: every t-th position asks; a divisor of b
            scale_position: whether the position term is divided by √D as well
            mask_padding: whether places outside the map are left out
            kv_rows: the order of kv: by_head or keys_first
            bias: whether q and kv have biases
            output: a 1×1 convolution to C channels after the heads
            pool: average pooling of the result: 1 or 2
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.HaloAttention, *, seed: int | None = None) -> None:
        """HaloAttention of a spec."""
    def __call__(self, x: Tensor) -> Tensor: ...

class InterlacedSparseAttention(_InterlacedSparseAttention):
    """y = short(long(x)): attention within [B, C, H, W] cut into patches, N·(Q + P) affinities instead of N²."""

    spec: specs.InterlacedSparseAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        key_channels: int | None = None,
        value_channels: int | None = None,
        out_channels: int | None = None,
        form: Literal["block", "module", "attention"] = "block",
        partitions: tuple[tuple[int, int], ...] = ...,
        value_bias: bool = False,
        dropout: float = 0.0,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y = short(long(x)): attention within [B, C, H, W] cut into patches, N·(Q + P) affinities instead of N².

        Args:
            in_channels: C, channels of x
            key_channels: D, width of queries and keys; None: half of C
            value_channels: E, width of the values; None: O
            out_channels: O, channels of the output; None: C
            form: what is built: block, module or attention
            partitions: height and width of the patches of each long and short
            value_bias: whether the values have a bias
            dropout: module: share of channels that training drops at the end
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.InterlacedSparseAttention, *, seed: int | None = None) -> None:
        """InterlacedSparseAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Any]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Any]: ...

class LambdaLayer(_LambdaLayer):
    """y_n = (Σ_m k_m v_mᵀ + Σ_m e_nm v_mᵀ)ᵀ q_n, k = softmax over positions: a lambda layer, on [B, C, H, W]."""

    spec: specs.LambdaLayer
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        heads: int = 4,
        key_channels: int = 16,
        value_channels: int | None = None,
        kernel_size: int | None = 9,
        map_size: tuple[int, int] | None = None,
        bias: bool = False,
        norm: specs.BatchNorm = ...,
        pool: int = 1,
        seed: int | None = None,
    ) -> None:
        """y_n = (Σ_m k_m v_mᵀ + Σ_m e_nm v_mᵀ)ᵀ q_n, k = softmax over positions: a lambda layer, on [B, C, H, W].

        Args:
            in_channels: C, channels of x
            heads: G, heads, which share keys and values
            key_channels: D, width of a query and of the keys
            value_channels: V, width of the values; None: C // G, at least 1
            kernel_size: r, the odd kernel of the local position term; None: the table
            map_size: H and W of the table of offsets; None: the convolution
            bias: whether the projection has a bias
            norm: the BatchNorm of the queries and of the values
            pool: average pooling of the result: 1 or 2
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.LambdaLayer, *, seed: int | None = None) -> None:
        """LambdaLayer of a spec."""
    def __call__(self, x: Tensor) -> Tensor: ...

class LargeKernelAttention(_LargeKernelAttention):
    """y = x · a, a = mix(distant(local(x))): large kernel attention over [B, C, H, W]."""

    spec: specs.LargeKernelAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        kernel_size: int = 5,
        distant_kernel_size: int = 7,
        dilation: int = 3,
        residual: bool = False,
        seed: int | None = None,
    ) -> None:
        """y = x · a, a = mix(distant(local(x))): large kernel attention over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            kernel_size: odd kernel of the local convolution
            distant_kernel_size: odd kernel of the dilated convolution
            dilation: how far apart the taps of the dilated convolution are
            residual: whether it stands between two projections and is added to x
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.LargeKernelAttention, *, seed: int | None = None) -> None:
        """LargeKernelAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class MultiScaleConvolutionalAttention(_MultiScaleConvolutionalAttention):
    """y = x · a, a = mix(u + Σ_i column_i(row_i(u))), u = local(x): the MSCA of SegNeXt over [B, C, H, W]."""

    spec: specs.MultiScaleConvolutionalAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        kernel_size: int = 5,
        strip_sizes: tuple[int, ...] = ...,
        residual: bool = False,
        seed: int | None = None,
    ) -> None:
        """y = x · a, a = mix(u + Σ_i column_i(row_i(u))), u = local(x): the MSCA of SegNeXt over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            kernel_size: odd kernel of the local convolution
            strip_sizes: s_i, odd lengths of the pairs of strips
            residual: whether it stands between two projections and is added to x
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.MultiScaleConvolutionalAttention, *, seed: int | None = None) -> None:
        """MultiScaleConvolutionalAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class NonLocal(_NonLocal):
    """z = w_z(y) + x, y_i = Σ_j a_ij g_j: a non-local block in 1, 2 or 3 dimensions."""

    spec: specs.NonLocal
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        dims: int = 2,
        mode: Literal["embedded_gaussian", "gaussian", "dot_product", "concatenation"] = "embedded_gaussian",
        sub_sample: Literal["none", "before", "after"] = "none",
        scale: Literal["none", "sqrt_inner", "sqrt_in"] = "none",
        norm: specs.BatchNorm | None = ...,
        zero_init: bool = True,
        affinity_bias: bool = False,
        output_bias: bool = True,
        output_relu: bool = False,
        seed: int | None = None,
    ) -> None:
        """z = w_z(y) + x, y_i = Σ_j a_ij g_j: a non-local block in 1, 2 or 3 dimensions.

        Args:
            in_channels: C, channels of x
            inter_channels: D, width of theta, phi and g; None: C // 2, at least 1
            dims: spatial dimensions: 1, 2 or 3
            mode: embedded_gaussian, gaussian, dot_product or concatenation
            sub_sample: max pooling of keys and values: none, before or after their convolution
            scale: what the affinity is divided by: none (1), sqrt_inner (√D) or sqrt_in (√C)
            norm: the BatchNorm after w_z, or None
            zero_init: start as the identity: the last layer at zero
            affinity_bias: concatenation: a bias beside w_f
            output_bias: whether w_z has a bias
            output_relu: a ReLU after w_z and the norm, before the sum
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.NonLocal, *, seed: int | None = None) -> None:
        """NonLocal of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ObjectAttention(_ObjectAttention):
    """y_n = g([u(Σ_k a_nk v(o_k)), x_n]), a_nk = softmax over the objects k of q(x_n)·k(o_k) / √D."""

    spec: specs.ObjectAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        key_channels: int | None = None,
        out_channels: int | None = None,
        conv_bias: bool = False,
        dropout: float = 0.0,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y_n = g([u(Σ_k a_nk v(o_k)), x_n]), a_nk = softmax over the objects k of q(x_n)·k(o_k) / √D.

        Args:
            in_channels: C, channels of the pixels and of the objects
            key_channels: D, width of queries, keys and values; None: half of C
            out_channels: O, channels of the output; None: C
            conv_bias: whether the convolutions have biases, before their BatchNorm
            dropout: share of the output's channels that training drops
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ObjectAttention, *, seed: int | None = None) -> None:
        """ObjectAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, objects: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, objects: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, objects: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ObjectContext(_ObjectContext):
    """y = attention(x, gather(x, logits)): an image's pixels read the objects that its class scores gather from it."""

    spec: specs.ObjectContext
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        key_channels: int | None = None,
        out_channels: int | None = None,
        scale: float = 1.0,
        conv_bias: bool = False,
        dropout: float = 0.0,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y = attention(x, gather(x, logits)): an image's pixels read the objects that its class scores gather from it.

        Args:
            in_channels: C, channels of x
            key_channels: D, width of queries, keys and values; None: half of C
            out_channels: O, channels of the output; None: C
            scale: what the logits are multiplied by before the softmax
            conv_bias: whether the convolutions have biases, before their BatchNorm
            dropout: share of the output's channels that training drops
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ObjectContext, *, seed: int | None = None) -> None:
        """ObjectContext of a spec."""
    @overload
    def __call__(self, x: Tensor, logits: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, logits: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, logits: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ParNetAttention(_ParNetAttention):
    """y = act(norm(conv3(x)) + norm(conv1(x)) + s · a), a = sigmoid(gate(mean(s))), of [B, C, H, W]."""

    spec: specs.ParNetAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int | None = None,
        stride: int = 1,
        groups: int = 1,
        dense: bool = True,
        gate: bool = True,
        skip_norm: bool = True,
        pool: bool = False,
        conv_bias: bool = False,
        gate_bias: bool = False,
        act: Literal["silu", "relu"] = "silu",
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y = act(norm(conv3(x)) + norm(conv1(x)) + s · a), a = sigmoid(gate(mean(s))), of [B, C, H, W].

        Args:
            in_channels: C, channels of x
            out_channels: O, channels of the output; None: C
            stride: of both convolutions
            groups: of all convolutions; their channels are shuffled at the end
            dense: whether there is a 3 x 3 convolution
            gate: whether the skip, or the whole, is gated
            skip_norm: whether the skip has a norm
            pool: whether the stride of the 1 x 1 convolution is a mean of 2 x 2
            conv_bias: whether the convolutions before a norm have biases
            gate_bias: whether the gate has a bias
            act: the activation at the end: silu or relu
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ParNetAttention, *, seed: int | None = None) -> None:
        """ParNetAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Any]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Any]: ...

class PolarizedSelfAttention(_PolarizedSelfAttention):
    """Two gates, c per channel and s per position, of [B, C, H, W]."""

    spec: specs.PolarizedSelfAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        mode: Literal["parallel", "sequential"] = "parallel",
        spatial_softmax: Literal["query", "value", "result"] = "query",
        norm: Literal["none", "inner", "gate"] = "gate",
        bias: bool = False,
        up_bias: bool = True,
        seed: int | None = None,
    ) -> None:
        """Two gates, c per channel and s per position, of [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: D, width of queries and values; None: C // 2, at least 1
            mode: parallel: the gated inputs are added; sequential: one gate after the other
            spatial_softmax: what the spatial gate's softmax is of: query, value or result
            norm: the channel gate's LayerNorm: none, inner or gate
            bias: whether queries and values have biases
            up_bias: whether the channel gate's linear layers have biases
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.PolarizedSelfAttention, *, seed: int | None = None) -> None:
        """PolarizedSelfAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, dict[str, Tensor]]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, dict[str, Tensor]]: ...

class PositionAttention(_PositionAttention):
    """y_i = gamma · Σ_j a_ij v(x_j) + x_i, with a_ij = softmax over j of q(x_i)·k(x_j)."""

    spec: specs.PositionAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        reduction: int = 8,
        inter_channels: int | None = None,
        seed: int | None = None,
    ) -> None:
        """y_i = gamma · Σ_j a_ij v(x_j) + x_i, with a_ij = softmax over j of q(x_i)·k(x_j).

        Args:
            in_channels: C, channels of x
            reduction: C // reduction is the width of queries and keys
            inter_channels: the width itself; None: from reduction
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.PositionAttention, *, seed: int | None = None) -> None:
        """PositionAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class PositionSensitiveAxialAttention(_PositionSensitiveAxialAttention):
    """z_i = Σ_j a_ij (v_j + r^v_i-j), a = softmax_j(q_i·k_j + q_i·r^q_i-j + k_j·r^k_j-i): along the columns or rows."""

    spec: specs.PositionSensitiveAxialAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        span: int,
        out_channels: int | None = None,
        heads: int = 8,
        along: Literal["height", "width"] = "height",
        stride: int = 1,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """z_i = Σ_j a_ij (v_j + r^v_i-j), a = softmax_j(q_i·k_j + q_i·r^q_i-j + k_j·r^k_j-i): along the columns or rows.

        Args:
            in_channels: C, channels of x
            span: L, the extent of the axis that is attended along, fixed
            out_channels: O, channels of y; None: C
            heads: P, attention heads
            along: which axis: height (columns) or width (rows)
            stride: y holds means of stride × stride positions
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.PositionSensitiveAxialAttention, *, seed: int | None = None) -> None:
        """PositionSensitiveAxialAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Any: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> Any: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Any: ...

class PyramidSqueezeAttention(_PyramidSqueezeAttention):
    """y = [a_R u_R, ..., a_1 u_1] joined, a = softmax_r(g_r), of [B, C, H, W]: the module of EPSANet."""

    spec: specs.PyramidSqueezeAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int | None = None,
        kernel_sizes: tuple[int, ...] = ...,
        branch_groups: tuple[int, ...] = ...,
        stride: int = 1,
        inter_channels: int | None = None,
        ratio: int = 16,
        seed: int | None = None,
    ) -> None:
        """y = [a_R u_R, ..., a_1 u_1] joined, a = softmax_r(g_r), of [B, C, H, W]: the module of EPSANet.

        Args:
            in_channels: C, channels of x
            out_channels: O, channels of the output, a multiple of the branches; None: C
            kernel_sizes: the kernel of each branch, odd
            branch_groups: the groups of each branch
            stride: of every branch
            inter_channels: D, the inner width; None: from ratio
            ratio: S // ratio is the inner width
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.PyramidSqueezeAttention, *, seed: int | None = None) -> None:
        """PyramidSqueezeAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class RelationAwareAttention(_RelationAwareAttention):
    """x ← g_spatial(x) · x, then x ← g_channel(x) · x: a gate in (0, 1) per position, then one per channel."""

    spec: specs.RelationAwareAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        positions: int,
        mode: Literal["both", "spatial", "channel"] = "both",
        channel_ratio: int = 8,
        spatial_ratio: int = 8,
        down_ratio: int = 8,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """x ← g_spatial(x) · x, then x ← g_channel(x) · x: a gate in (0, 1) per position, then one per channel.

        Args:
            in_channels: C, channels of x
            positions: N = H·W, fixed
            mode: which gates: both, spatial or channel
            channel_ratio: reduction of channels in the embeddings
            spatial_ratio: reduction of positions in the embeddings
            down_ratio: reduction inside each gate
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.RelationAwareAttention, *, seed: int | None = None) -> None:
        """RelationAwareAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Any]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Any]: ...

class SCSE(_SCSE):
    """y_cn = x_cn a_c + x_cn s_n, a = sigmoid(fc_2(relu(fc_1(mean(x))))), s = sigmoid(conv(x)): scSE over [B, C, H, W]."""

    spec: specs.SCSE
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        ratio: int = 16,
        join: Literal["sum", "max"] = "sum",
        seed: int | None = None,
    ) -> None:
        """y_cn = x_cn a_c + x_cn s_n, a = sigmoid(fc_2(relu(fc_1(mean(x))))), s = sigmoid(conv(x)): scSE over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: the inner width itself; None: from ratio
            ratio: C // ratio is the inner width
            join: how both are joined: sum or max
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.SCSE, *, seed: int | None = None) -> None:
        """SCSE of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, dict[str, Tensor]]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, dict[str, Tensor]]: ...

class SelectiveKernel(_SelectiveKernel):
    """y_c = Σ_r a_rc · u_rc, a = softmax_r(fc_2(f(mean(Σ_r u_r)))), u_r = relu(norm(conv_r(x))), of [B, C, H, W]."""

    spec: specs.SelectiveKernel
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int | None = None,
        kernel_sizes: tuple[int, ...] = ...,
        dilated: bool = True,
        dilation: int = 1,
        stride: int = 1,
        groups: int = 1,
        split_input: bool = False,
        conv_bias: bool = False,
        inter_channels: int | None = None,
        ratio: int = 16,
        reduce_norm: bool = True,
        fc_bias: bool = False,
        joined: bool = True,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y_c = Σ_r a_rc · u_rc, a = softmax_r(fc_2(f(mean(Σ_r u_r)))), u_r = relu(norm(conv_r(x))), of [B, C, H, W].

        Args:
            in_channels: C, channels of x
            out_channels: O, channels of the output; None: in_channels
            kernel_sizes: the kernel of each branch, odd
            dilated: whether each kernel is 3 x 3, dilated to reach as far
            dilation: multiplies the dilation of every branch
            stride: of every branch
            groups: of every convolution
            split_input: whether each branch reads its own share of the channels
            conv_bias: whether the convolutions have biases
            inter_channels: D, the inner width; None: from ratio
            ratio: O // ratio is the inner width, at least 32
            reduce_norm: whether norm and ReLU follow fc_1
            fc_bias: whether the linear layers have biases
            joined: whether fc_2 is one layer, and not one for each branch
            norm: every BatchNorm
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.SelectiveKernel, *, seed: int | None = None) -> None:
        """SelectiveKernel of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class ShuffleAttention(_ShuffleAttention):
    """y = shuffle(x · a), a_c = sigmoid(w_c mean(x_c) + b_c) or sigmoid(v_c norm(x_c) + u_c): SA over [B, C, H, W]."""

    spec: specs.ShuffleAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        groups: int = 64,
        seed: int | None = None,
    ) -> None:
        """y = shuffle(x · a), a_c = sigmoid(w_c mean(x_c) + b_c) or sigmoid(v_c norm(x_c) + u_c): SA over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            groups: groups that share their weights; C is a multiple of twice as many
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.ShuffleAttention, *, seed: int | None = None) -> None:
        """ShuffleAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class SimAM(_SimAM):
    """y_n = x_n · a_n, a_n = sigmoid(d_n² / (4 (Σ_m d_m² / (N - 1) + λ)) + ½), d = x - mean(x): over [B, C, H, W]."""

    spec: specs.SimAM
    @overload
    def __init__(
        self,
        *,
        e_lambda: float = 0.0001,
        seed: int | None = None,
    ) -> None:
        """y_n = x_n · a_n, a_n = sigmoid(d_n² / (4 (Σ_m d_m² / (N - 1) + λ)) + ½), d = x - mean(x): over [B, C, H, W].

        Args:
            e_lambda: λ, added to the variance
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.SimAM, *, seed: int | None = None) -> None:
        """SimAM of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class SpatialGate(_SpatialGate):
    """y_n = x_n · a_n, a = sigmoid(norm(conv([max(x), mean(x)]))): CBAM's spatial part over [B, C, H, W]."""

    spec: specs.SpatialGate
    @overload
    def __init__(
        self,
        *,
        kernel_size: int = 7,
        order: tuple[Literal["max", "mean"], Literal["max", "mean"]] = ...,
        norm: specs.BatchNorm | None = ...,
        bias: bool = False,
        seed: int | None = None,
    ) -> None:
        """y_n = x_n · a_n, a = sigmoid(norm(conv([max(x), mean(x)]))): CBAM's spatial part over [B, C, H, W].

        Args:
            kernel_size: the kernel, odd
            order: which comes first, max or mean
            norm: the BatchNorm after the convolution, or None
            bias: whether the convolution has a bias
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.SpatialGate, *, seed: int | None = None) -> None:
        """SpatialGate of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class SpatialGather(_SpatialGather):
    """o_k = Σ_n w_kn x_n, w = softmax over the positions n of scale · logits_k: K objects gathered from an image."""

    spec: specs.SpatialGather
    @overload
    def __init__(
        self,
        *,
        scale: float = 1.0,
        seed: int | None = None,
    ) -> None:
        """o_k = Σ_n w_kn x_n, w = softmax over the positions n of scale · logits_k: K objects gathered from an image.

        Args:
            scale: what the logits are multiplied by before the softmax
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.SpatialGather, *, seed: int | None = None) -> None:
        """SpatialGather of a spec."""
    def __call__(self, x: Tensor, logits: Tensor) -> Tensor: ...

class SpatialGroupEnhance(_SpatialGroupEnhance):
    """y_n = x_n · sigmoid(w_g t_gn + b_g): spatial group-wise enhance over [B, C, H, W]."""

    spec: specs.SpatialGroupEnhance
    @overload
    def __init__(
        self,
        *,
        groups: int = 64,
        eps: float = 1e-05,
        bias_init: float = 1.0,
        seed: int | None = None,
    ) -> None:
        """y_n = x_n · sigmoid(w_g t_gn + b_g): spatial group-wise enhance over [B, C, H, W].

        Args:
            groups: G, groups of channels
            eps: added to the deviation
            bias_init: where the bias starts: the first gate is its sigmoid
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.SpatialGroupEnhance, *, seed: int | None = None) -> None:
        """SpatialGroupEnhance of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class SplitAttention(_SplitAttention):
    """y_c = Σ_r a_rc · u_rc: R branches u of a convolution, weighed against each other in each channel."""

    spec: specs.SplitAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int | None = None,
        radix: int = 2,
        groups: int = 1,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        bias: bool = False,
        inter_channels: int | None = None,
        ratio: int = 4,
        fc_1_bias: bool = True,
        norm: specs.BatchNorm | None = ...,
        seed: int | None = None,
    ) -> None:
        """y_c = Σ_r a_rc · u_rc: R branches u of a convolution, weighed against each other in each channel.

        Args:
            in_channels: C, channels of x
            out_channels: O, channels of y; None: C
            radix: R, branches; 1: one branch and a sigmoid
            groups: G, groups of channels (the cardinality)
            kernel_size: K, of the convolution
            stride: of the convolution
            padding: zeros at each side; None: half of what the kernel spans
            dilation: of the convolution
            bias: whether the convolution has a bias
            inter_channels: D, the inner width; None: from ratio
            ratio: C · R // ratio is the inner width, at least 32
            fc_1_bias: whether fc_1 has a bias
            norm: the BatchNorm after conv and after fc_1, or None
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.SplitAttention, *, seed: int | None = None) -> None:
        """SplitAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class SqueezeExcitation(_SqueezeExcitation):
    """y_c = x_c · a_c, a = gate(fc_2(relu(fc_1(pool(x))))): squeeze-and-excitation over [B, C, H, W]."""

    spec: specs.SqueezeExcitation
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        ratio: int = 16,
        divisor: int = 1,
        pool: Literal["avg", "max"] = "avg",
        bias: bool = False,
        gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid",
        slope: float = 0.16666666666666666,
        seed: int | None = None,
    ) -> None:
        """y_c = x_c · a_c, a = gate(fc_2(relu(fc_1(pool(x))))): squeeze-and-excitation over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: the inner width itself; None: from ratio and divisor
            ratio: C // ratio is the inner width
            divisor: the inner width is rounded to a multiple of this
            pool: how x is squeezed: avg or max
            bias: whether both layers have biases
            gate: sigmoid, or hard_sigmoid: slope · x + 0.5 clipped to [0, 1]
            slope: of the hard sigmoid
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.SqueezeExcitation, *, seed: int | None = None) -> None:
        """SqueezeExcitation of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class StripAttention(_StripAttention):
    """y = x · a, a_hw = gate(f(down(mean over W of x)_h + across(mean over H of x)_w)): over [B, C, H, W]."""

    spec: specs.StripAttention
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int | None = None,
        kernel_size: int | None = 3,
        depthwise: bool = False,
        bias: bool = False,
        norm: specs.BatchNorm | None = ...,
        mix: bool = True,
        gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid",
        output: Literal["scaled", "skip", "gate"] = "scaled",
        seed: int | None = None,
    ) -> None:
        """y = x · a, a_hw = gate(f(down(mean over W of x)_h + across(mean over H of x)_w)): over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            out_channels: O, channels of the gate; None: C. Another number needs output='gate'
            kernel_size: odd taps of the convolutions along the strips; None: no convolution
            depthwise: whether they see each channel alone
            bias: whether they have biases
            norm: the BatchNorm after each of them, or None
            mix: whether a relu and a 1×1 convolution come before the gate
            gate: sigmoid, or hard_sigmoid: relu6(x + 3) / 6
            output: scaled: x · a; skip: x · a + x; gate: a itself
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.StripAttention, *, seed: int | None = None) -> None:
        """StripAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class StripPooling(_StripPooling):
    """y = relu(x + join([relu(long(relu(s))), relu(short(relu(t)))])): the mixed pooling of SPNet over [B, C, H, W]."""

    spec: specs.StripPooling
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        inter_channels: int | None = None,
        pool_sizes: tuple[int, ...] = ...,
        align_corners: bool = True,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y = relu(x + join([relu(long(relu(s))), relu(short(relu(t)))])): the mixed pooling of SPNet over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            inter_channels: D, the inner width; None: C // 4, at least 1
            pool_sizes: extents of the pooled maps
            align_corners: whether bilinear interpolation lays the corners on each other
            norm: the BatchNorm after each convolution
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.StripPooling, *, seed: int | None = None) -> None:
        """StripPooling of a spec."""
    def __call__(self, x: Tensor) -> Tensor: ...

class StyleRecalibration(_StyleRecalibration):
    """y_c = x_c · sigmoid(norm(w_c1 mean x_c + w_c2 std x_c)): style-based recalibration over [B, C, H, W]."""

    spec: specs.StyleRecalibration
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        eps: float = 1e-05,
        norm: specs.BatchNorm = ...,
        zero_init: bool = True,
        seed: int | None = None,
    ) -> None:
        """y_c = x_c · sigmoid(norm(w_c1 mean x_c + w_c2 std x_c)): style-based recalibration over [B, C, H, W].

        Args:
            in_channels: C, channels of x
            eps: added to the variance
            norm: the BatchNorm of the sum of mean and deviation
            zero_init: w starts at zero: every gate at sigmoid of the norm's bias
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.StyleRecalibration, *, seed: int | None = None) -> None:
        """StyleRecalibration of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class TripletAttention(_TripletAttention):
    """y_chw = x_chw · a_chw, a the mean of three gates over [B, C, H, W], each over two of its axes."""

    spec: specs.TripletAttention
    @overload
    def __init__(
        self,
        *,
        kernel_size: int = 7,
        spatial: bool = True,
        norm: specs.BatchNorm = ...,
        seed: int | None = None,
    ) -> None:
        """y_chw = x_chw · a_chw, a the mean of three gates over [B, C, H, W], each over two of its axes.

        Args:
            kernel_size: the kernel of every gate, odd
            spatial: whether there is the gate over height and width
            norm: the BatchNorm of each gate
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.TripletAttention, *, seed: int | None = None) -> None:
        """TripletAttention of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...

class WeightedPermuteMLP(_WeightedPermuteMLP):
    """y = out(a_1 · c + a_2 · w + a_3 · h): channels, rows and columns of [B, S, S, C] mixed, and weighed by channel."""

    spec: specs.WeightedPermuteMLP
    @overload
    def __init__(
        self,
        *,
        in_channels: int,
        segments: int = 8,
        bias: bool = False,
        dropout: float = 0.0,
        out_dropout: float = 0.0,
        seed: int | None = None,
    ) -> None:
        """y = out(a_1 · c + a_2 · w + a_3 · h): channels, rows and columns of [B, S, S, C] mixed, and weighed by channel.

        Args:
            in_channels: C, channels of x
            segments: S, segments of a position's channels, and height and width of x
            bias: whether the three mixings have biases
            dropout: share that training drops before and after fc_2
            out_dropout: share of y that training drops
            seed: fixes the weights; None: drawn from the framework's generator
        """

    @overload
    def __init__(self, spec: specs.WeightedPermuteMLP, *, seed: int | None = None) -> None:
        """WeightedPermuteMLP of a spec."""
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[False] = False) -> Tensor: ...
    @overload
    def __call__(self, x: Tensor, return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, x: Tensor, return_attention: bool) -> Tensor | tuple[Tensor, Tensor]: ...
