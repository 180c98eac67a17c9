"""The names and shapes of well-known models of images and sound in torch, at a small size, and their Linears."""

from __future__ import annotations

from parity_tests.weights.schemes_text import F, H, N, P, Scheme, V


def vit_timm(*, distilled: bool = False) -> Scheme:
    s = Scheme()
    s.own("cls_token", 1, 1, H)
    s.own("pos_embed", 1, P, H)
    s.conv("patch_embed.proj", (H, 3, 4, 4))
    for i in range(N):
        b = f"blocks.{i}."
        s.norm(f"{b}norm1")
        s.lin(f"{b}attn.qkv", 3 * H)
        s.lin(f"{b}attn.proj")
        s.norm(f"{b}norm2")
        s.lin(f"{b}mlp.fc1", F)
        s.lin(f"{b}mlp.fc2", H, F)
    s.norm("norm")
    s.lin("head", 5)
    if distilled:
        s.own("dist_token", 1, 1, H)
        s.lin("head_dist", 5)
    return s


def vit_hf() -> Scheme:
    s = Scheme()
    s.own("vit.embeddings.cls_token", 1, 1, H)
    s.own("vit.embeddings.position_embeddings", 1, P, H)
    s.conv("vit.embeddings.patch_embeddings.projection", (H, 3, 4, 4))
    for i in range(N):
        b = f"vit.encoder.layer.{i}."
        s.lins(f"{b}attention.", "attention.query attention.key attention.value output.dense")
        s.lin(f"{b}intermediate.dense", F)
        s.lin(f"{b}output.dense", H, F)
        s.norm(f"{b}layernorm_before")
        s.norm(f"{b}layernorm_after")
    s.norm("vit.layernorm")
    s.lin("classifier", 5)
    return s


def clip() -> Scheme:
    s = Scheme()
    s.own("logit_scale")
    s.table("text_model.embeddings.token_embedding")
    s.table("text_model.embeddings.position_embedding", P)
    s.own("vision_model.embeddings.class_embedding", H)
    s.conv("vision_model.embeddings.patch_embedding", (H, 3, 4, 4), bias=False)
    s.table("vision_model.embeddings.position_embedding", P)
    s.norm("vision_model.pre_layrnorm")
    for side in ("text", "vision"):
        for i in range(N):
            b = f"{side}_model.encoder.layers.{i}."
            s.lins(f"{b}self_attn.", "k_proj v_proj q_proj out_proj")
            s.norm(f"{b}layer_norm1")
            s.norm(f"{b}layer_norm2")
            s.lin(f"{b}mlp.fc1", F)
            s.lin(f"{b}mlp.fc2", H, F)
    s.norm("text_model.final_layer_norm")
    s.norm("vision_model.post_layernorm")
    s.lins("", "visual_projection text_projection", 6, bias=False)
    return s


def swin() -> Scheme:
    s = Scheme()
    s.conv("patch_embed.proj", (H, 3, 4, 4))
    s.norm("patch_embed.norm")
    for stage in range(2):
        width = H * 2**stage
        for i in range(N):
            b = f"layers.{stage}.blocks.{i}."
            s.norm(f"{b}norm1", width)
            s.own(f"{b}attn.relative_position_bias_table", 9, 2)
            s.lin(f"{b}attn.qkv", 3 * width, width)
            s.lin(f"{b}attn.proj", width, width)
            s.norm(f"{b}norm2", width)
            s.lin(f"{b}mlp.fc1", 4 * width, width)
            s.lin(f"{b}mlp.fc2", width, 4 * width)
    s.lin("layers.0.downsample.reduction", 2 * H, 4 * H, bias=False)
    s.norm("layers.0.downsample.norm", 4 * H)
    s.norm("norm", 2 * H)
    s.lin("head", 5, 2 * H)
    return s


def whisper() -> Scheme:
    s = Scheme()
    s.conv("model.encoder.conv1", (H, 6, 3))
    s.conv("model.encoder.conv2", (H, H, 3))
    s.table("model.encoder.embed_positions", P)
    s.table("model.decoder.embed_tokens")
    s.table("model.decoder.embed_positions", P)
    for side in ("encoder", "decoder"):
        for i in range(N):
            b = f"model.{side}.layers.{i}."
            for attention in ("self_attn", "encoder_attn")[: 1 + (side == "decoder")]:
                s.lin(f"{b}{attention}.k_proj", bias=False)
                s.lins(f"{b}{attention}.", "v_proj q_proj out_proj")
                s.norm(f"{b}{attention}_layer_norm")
            s.lin(f"{b}fc1", F)
            s.lin(f"{b}fc2", H, F)
            s.norm(f"{b}final_layer_norm")
        s.norm(f"model.{side}.layer_norm")
    s.lin("proj_out", V, bias=False)
    return s


def wav2vec2() -> Scheme:
    s = Scheme()
    s.own("wav2vec2.masked_spec_embed", H)
    for i in range(N):
        s.conv(f"wav2vec2.feature_extractor.conv_layers.{i}.conv", (6, 1 if i == 0 else 6, 3), bias=False)
    s.norm("wav2vec2.feature_extractor.conv_layers.0.layer_norm", 6)
    s.norm("wav2vec2.feature_projection.layer_norm", 6)
    s.lin("wav2vec2.feature_projection.projection", H, 6)
    s.norm("wav2vec2.encoder.layer_norm")
    for i in range(N):
        b = f"wav2vec2.encoder.layers.{i}."
        s.lins(f"{b}attention.", "k_proj v_proj q_proj out_proj")
        s.norm(f"{b}layer_norm")
        s.lin(f"{b}feed_forward.intermediate_dense", F)
        s.lin(f"{b}feed_forward.output_dense", H, F)
        s.norm(f"{b}final_layer_norm")
    s.lin("lm_head", V)
    return s


def sam() -> Scheme:
    s = Scheme()
    for name in ("point_embeddings.0", "point_embeddings.1", "not_a_point_embed", "no_mask_embed"):
        s.table(f"prompt_encoder.{name}", 1)
    s.own("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", 2, 4)
    s.table("mask_decoder.iou_token", 1)
    s.table("mask_decoder.mask_tokens", 4)
    for i in range(N):
        b = f"image_encoder.blocks.{i}."
        s.norm(f"{b}norm1")
        s.own(f"{b}attn.rel_pos_h", 7, 4)
        s.lin(f"{b}attn.qkv", 3 * H)
        s.lin(f"{b}attn.proj")
        s.norm(f"{b}norm2")
        s.lin(f"{b}mlp.lin1", F)
        s.lin(f"{b}mlp.lin2", H, F)
    s.conv("image_encoder.neck.0", (H, H, 1, 1), bias=False)
    s.norm("image_encoder.neck.1")
    s.lins("mask_decoder.output_hypernetworks_mlps.0.layers.", "0 1")
    return s


def detr() -> Scheme:
    s = Scheme()
    s.table("query_embed", 5)
    s.conv("input_proj", (H, 12, 1, 1))
    for side in ("encoder", "decoder"):
        for i in range(N):
            b = f"transformer.{side}.layers.{i}."
            s.lin(f"{b}linear1", F)
            s.lin(f"{b}linear2", H, F)
            s.norm(f"{b}norm1")
            s.norm(f"{b}norm2")
            s.lins(f"{b}self_attn.", "q_proj k_proj v_proj")
            s.lin(f"{b}self_attn.output", H)
    s.lin("class_embed", 6)
    s.lins("bbox_embed.layers.", "0 1")
    s.lin("bbox_embed.layers.2", 4)
    return s


def segformer() -> Scheme:
    s = Scheme()
    s.conv("segformer.encoder.patch_embeddings.0.proj", (H, 3, 7, 7))
    s.norm("segformer.encoder.patch_embeddings.0.layer_norm")
    for i in range(N):
        b = f"segformer.encoder.block.0.{i}."
        s.norm(f"{b}layer_norm_1")
        s.lins(f"{b}attention.", "self.query self.key self.value output.dense")
        s.conv(f"{b}attention.self.sr", (H, H, 2, 2))
        s.norm(f"{b}attention.self.layer_norm")
        s.norm(f"{b}layer_norm_2")
        s.lin(f"{b}mlp.dense1", F)
        s.conv(f"{b}mlp.dwconv.dwconv", (F, 1, 3, 3))
        s.lin(f"{b}mlp.dense2", H, F)
    s.lin("decode_head.linear_c.0.proj", 16)
    s.conv("decode_head.classifier", (5, 16, 1, 1))
    return s
