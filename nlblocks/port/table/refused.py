"""What has no place in a port, by name and with the reason: it raises where it is reached, and the rest is ported."""

from __future__ import annotations

from nlblocks.port.table.row import Row, api

REASONS = {
    "torch's files are others: give the weights to the port, or torch.load a converted file": """
        paddle.jit.save paddle.jit.load paddle.static.load_inference_model
        paddle.utils.download.get_weights_path_from_url paddle.utils.download.get_path_from_url
        paddle.static.save paddle.static.load""",
    "a part of static graphs, which a port does not have": """
        paddle.static.InputSpec paddle.static.data paddle.static.Executor paddle.static.Program paddle.static.Scope
        paddle.static.default_main_program paddle.static.default_startup_program paddle.static.program_guard
        paddle.static.scope_guard paddle.static.nn.case paddle.static.nn.cond paddle.static.nn.while_loop
        paddle.enable_static paddle.static.create_parameter
        paddle.static.nn.fc paddle.static.global_scope
        paddle.common_ops_import.LayerHelper paddle.common_ops_import.check_variable_and_dtype
        paddle.common_ops_import.check_type paddle.common_ops_import.Variable paddle.common_ops_import.convert_dtype
        paddle.base.data_feeder.convert_dtype paddle.base.layer_helper.LayerHelper
        paddle.framework._no_check_dy2st_diff paddle.LazyGuard paddle.inference.Config
        paddle.inference.create_predictor paddle.base.framework.EagerParamBase.from_tensor Tensor.get_tensor
        Tensor._is_initialized Tensor._use_gpudnn""",
    "training on many devices: a port runs on one, and torch shares out models otherwise": """
        paddle.distributed.all_reduce paddle.distributed.all_gather paddle.distributed.broadcast
        paddle.distributed.reduce_scatter paddle.distributed.alltoall paddle.distributed.barrier
        paddle.distributed.send paddle.distributed.recv paddle.distributed.new_group
        paddle.distributed.stream.all_gather paddle.distributed.stream.reduce_scatter
        paddle.distributed.init_parallel_env paddle.DataParallel
        paddle.distributed.collective._c_concat paddle.distributed.collective._c_identity
        paddle.distributed.collective._mp_allreduce paddle.distributed.collective._c_split
        paddle.distributed.ReduceOp.SUM paddle.distributed.ReduceOp.MAX paddle.distributed.fleet.init
        paddle.distributed.fleet.get_hybrid_communicate_group paddle.distributed.fleet.DistributedStrategy
        paddle.distributed.fleet.meta_parallel.ColumnParallelLinear
        paddle.distributed.fleet.meta_parallel.RowParallelLinear
        paddle.distributed.fleet.meta_parallel.VocabParallelEmbedding
        paddle.distributed.fleet.meta_parallel.ParallelCrossEntropy
        paddle.distributed.fleet.meta_parallel.get_rng_state_tracker
        paddle.distributed.fleet.meta_parallel.get_rng_state_tracker.rng_state
        paddle.distributed.fleet.meta_parallel.get_rng_state_tracker.add
        paddle.distributed.fleet.meta_parallel.LayerDesc paddle.distributed.fleet.meta_parallel.SharedLayerDesc
        paddle.distributed.fleet.meta_parallel.PipelineLayer
        paddle.distributed.fleet.utils.sequence_parallel_utils.ColumnSequenceParallelLinear
        paddle.distributed.fleet.utils.sequence_parallel_utils.RowSequenceParallelLinear
        paddle.distributed.fleet.utils.sequence_parallel_utils.GatherOp
        paddle.distributed.fleet.utils.sequence_parallel_utils.GatherOp.apply
        paddle.distributed.fleet.utils.sequence_parallel_utils.ScatterOp
        paddle.distributed.fleet.utils.sequence_parallel_utils.ScatterOp.apply
        paddle.distributed.fleet.utils.sequence_parallel_utils.mark_as_sequence_parallel_parameter
        paddle.distributed.fleet.meta_parallel.LayerDesc.__repr__
        paddle.distributed.fleet.meta_parallel.PipelineLayer.__init__
        paddle.distributed.fleet.auto.get_mesh paddle.distributed.fleet.auto.shard_tensor
        paddle.distributed.fleet.auto.shard_op paddle.distributed.fleet.auto.recompute
        paddle.distributed.Shard paddle.distributed.Replicate paddle.distributed.Partial
        paddle.distributed.reshard paddle.distributed.shard_tensor paddle.distributed.shard_op
        paddle.framework.random._manual_program_seed""",
    "a kernel that Paddle has for a GPU alone: a case that proves it does not run here": """
        paddle.nn.functional.flash_attention.flash_attention paddle.nn.functional.flash_attention.flash_attn_unpadded
        paddle.nn.functional.flashmask_attention
        paddle.incubate.nn.functional.fused_rotary_position_embedding paddle.incubate.nn.functional.fused_rms_norm
        paddle.incubate.nn.functional.fused_layer_norm paddle.incubate.nn.functional.fused_linear
        paddle.incubate.nn.FusedLinear paddle.incubate.nn.FusedTransformerEncoderLayer
        paddle.incubate.nn.layer.fused_dropout_add.FusedDropoutAdd paddle.incubate.nn.FusedMultiHeadAttention
        paddle.incubate.softmax_mask_fuse_upper_triangle paddle.incubate.softmax_mask_fuse
        paddle.incubate.nn.memory_efficient_attention paddle.base.core.eager._run_custom_op
        paddle.utils.cpp_extension.extension_utils.load_op_meta_info_and_register_op paddle.utils.cpp_extension.load
        paddle.get_cuda_rng_state paddle.device.cuda.get_device_capability""",
    "an operation of detection that torch alone does not have": """
        paddle._C_ops.box_coder paddle._C_ops.anchor_generator paddle._C_ops.distribute_fpn_proposals
        paddle._C_ops.generate_proposals_v2 paddle._C_ops.generate_proposals paddle._C_ops.matrix_nms
        paddle._C_ops.multiclass_nms3 paddle._C_ops.prior_box""",
    "it is not in this Paddle any more": """
        paddle.fluid.layers.l2_normalize paddle.fluid.layers.matmul paddle.fluid.layers.temporal_shift
        paddle.fluid.layers.reshape paddle.fluid.layers.accuracy paddle.fluid.layers.cast
        paddle.fluid.layers.fill_constant paddle.fluid.layers.less_than paddle.fluid.layers.reduce_mean
        paddle.fluid.layers.reduce_sum paddle.fluid.layers.resize_nearest paddle.fluid.layers.split
        paddle.fluid.layers.squeeze paddle.fluid.layers.uniform_random paddle.fluid.dygraph.LayerList
        paddle.fluid.data_feeder.convert_dtype
        paddle.dtype_guard paddle.one_hot
        paddle.nn.functional.scaled_dot_product_attention_ paddle.nn.functional.quick_gelu
        paddle.nn.functional.gelu_python paddle.utils.checkpoint.checkpoint""",
    "a matter of training or reporting, not of a model": """
        paddle.metric.accuracy paddle.metric.Accuracy paddle.metric.Metric paddle.summary paddle.flops
        paddle.optimizer.lr.MultiStepDecay paddle.optimizer.Adam paddle.optimizer.AdamW paddle.optimizer.SGD
        paddle.optimizer.Momentum paddle.amp.GradScaler paddle.amp.decorate paddle.nn.ClipGradByGlobalNorm
        paddle.nn.ClipGradByNorm paddle.nn.ClipGradByValue paddle.set_flags paddle.get_flags paddle.Model
        paddle.io.DataLoader paddle.io.Dataset""",
    "caches of decoding are not carried": """
        paddle.nn.decode.dynamic_decode paddle.nn.dynamic_decode paddle.nn.BeamSearchDecoder
        paddle.nn.decode.BeamSearchDecoder.tile_beam_merge_with_batch paddle.text.ViterbiDecoder""",
    "written by Paddle's own means of importing or mapping: write it out": """
        paddle.utils.try_import paddle.utils.map_structure paddle.utils.deprecated paddle.utils.run_check
        paddle.ParamAttr._to_attr""",
    "torch has no whole of both parts with Paddle's names: use the encoder and the decoder": "paddle.nn.Transformer",
    "torch has no such function": "paddle.nn.functional.temporal_shift paddle.crop",
    "torch has no such start": "paddle.nn.initializer.Bilinear",
}
"""The reasons, and the names that each holds for."""


def _row(names: str, why: str) -> Row:
    first, *others = names.split()
    return api(first, None, {}, also=" ".join(others), notes=why)


ROWS = tuple(_row(names, why) for why, names in REASONS.items())
