# Made from the specs' fields by `python -m nlblocks.stubs`: not to be edited.

from nlblocks.specs.article_digit_net import ArticleDigitNet as ArticleDigitNet
from nlblocks.specs.asymmetric_fusion_non_local import AsymmetricFusionNonLocal as AsymmetricFusionNonLocal
from nlblocks.specs.asymmetric_pyramid_non_local import AsymmetricPyramidNonLocal as AsymmetricPyramidNonLocal
from nlblocks.specs.attention_resnet import AttentionResNet as AttentionResNet
from nlblocks.specs.axial_attention import AxialAttention as AxialAttention
from nlblocks.specs.bam import BAM as BAM
from nlblocks.specs.base import BlockSpec as BlockSpec
from nlblocks.specs.base import Init as Init
from nlblocks.specs.base import Param as Param
from nlblocks.specs.base import Spec as Spec
from nlblocks.specs.base import kinds as kinds
from nlblocks.specs.base import spec_from_dict as spec_from_dict
from nlblocks.specs.base import spec_type as spec_type
from nlblocks.specs.bottleneck_attention import BottleneckAttention as BottleneckAttention
from nlblocks.specs.cbam import CBAM as CBAM
from nlblocks.specs.channel_affinity import ChannelAffinity as ChannelAffinity
from nlblocks.specs.channel_attention import ChannelAttention as ChannelAttention
from nlblocks.specs.channel_gate import ChannelGate as ChannelGate
from nlblocks.specs.class_specific_residual_attention import (
    ClassSpecificResidualAttention as ClassSpecificResidualAttention,
)
from nlblocks.specs.compact_generalised_non_local import CompactGeneralisedNonLocal as CompactGeneralisedNonLocal
from nlblocks.specs.contextual_transformer import ContextualTransformer as ContextualTransformer
from nlblocks.specs.contextual_window_attention import ContextualWindowAttention as ContextualWindowAttention
from nlblocks.specs.coordinate_attention import CoordinateAttention as CoordinateAttention
from nlblocks.specs.criss_cross_attention import CrissCrossAttention as CrissCrossAttention
from nlblocks.specs.digit_net import DigitNet as DigitNet
from nlblocks.specs.disentangled_non_local import DisentangledNonLocal as DisentangledNonLocal
from nlblocks.specs.double_attention import DoubleAttention as DoubleAttention
from nlblocks.specs.dual_attention import DualAttention as DualAttention
from nlblocks.specs.effective_squeeze_excitation import EffectiveSqueezeExcitation as EffectiveSqueezeExcitation
from nlblocks.specs.efficient_attention import EfficientAttention as EfficientAttention
from nlblocks.specs.efficient_channel_attention import EfficientChannelAttention as EfficientChannelAttention
from nlblocks.specs.efficient_multi_scale_attention import EfficientMultiScaleAttention as EfficientMultiScaleAttention
from nlblocks.specs.expectation_maximisation_attention import (
    ExpectationMaximisationAttention as ExpectationMaximisationAttention,
)
from nlblocks.specs.external_attention import ExternalAttention as ExternalAttention
from nlblocks.specs.frequency_channel_attention import FrequencyChannelAttention as FrequencyChannelAttention
from nlblocks.specs.gather_excite import GatherExcite as GatherExcite
from nlblocks.specs.gaussian_context import GaussianContext as GaussianContext
from nlblocks.specs.global_context import GlobalContext as GlobalContext
from nlblocks.specs.halo_attention import HaloAttention as HaloAttention
from nlblocks.specs.interlaced_sparse_attention import InterlacedSparseAttention as InterlacedSparseAttention
from nlblocks.specs.lambda_layer import LambdaLayer as LambdaLayer
from nlblocks.specs.large_kernel_attention import LargeKernelAttention as LargeKernelAttention
from nlblocks.specs.layers import BatchNorm as BatchNorm
from nlblocks.specs.layers import reduce_channels as reduce_channels
from nlblocks.specs.multi_scale_convolutional_attention import (
    MultiScaleConvolutionalAttention as MultiScaleConvolutionalAttention,
)
from nlblocks.specs.non_local import NonLocal as NonLocal
from nlblocks.specs.object_attention import ObjectAttention as ObjectAttention
from nlblocks.specs.object_context import ObjectContext as ObjectContext
from nlblocks.specs.parnet_attention import ParNetAttention as ParNetAttention
from nlblocks.specs.polarized_self_attention import PolarizedSelfAttention as PolarizedSelfAttention
from nlblocks.specs.position_attention import PositionAttention as PositionAttention
from nlblocks.specs.position_sensitive_axial_attention import (
    PositionSensitiveAxialAttention as PositionSensitiveAxialAttention,
)
from nlblocks.specs.pyramid_squeeze_attention import PyramidSqueezeAttention as PyramidSqueezeAttention
from nlblocks.specs.relation_aware_attention import RelationAwareAttention as RelationAwareAttention
from nlblocks.specs.scse import SCSE as SCSE
from nlblocks.specs.selective_kernel import SelectiveKernel as SelectiveKernel
from nlblocks.specs.shuffle_attention import ShuffleAttention as ShuffleAttention
from nlblocks.specs.simam import SimAM as SimAM
from nlblocks.specs.spatial_gate import SpatialGate as SpatialGate
from nlblocks.specs.spatial_gather import SpatialGather as SpatialGather
from nlblocks.specs.spatial_group_enhance import SpatialGroupEnhance as SpatialGroupEnhance
from nlblocks.specs.split_attention import SplitAttention as SplitAttention
from nlblocks.specs.squeeze_excitation import SqueezeExcitation as SqueezeExcitation
from nlblocks.specs.strip_attention import StripAttention as StripAttention
from nlblocks.specs.strip_pooling import StripPooling as StripPooling
from nlblocks.specs.style_recalibration import StyleRecalibration as StyleRecalibration
from nlblocks.specs.triplet_attention import TripletAttention as TripletAttention
from nlblocks.specs.weighted_permute_mlp import WeightedPermuteMLP as WeightedPermuteMLP
