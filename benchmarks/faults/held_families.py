"""The families of the held-out cases: models that the engine was not developed on."""

from __future__ import annotations

from benchmarks.faults.families import IMAGE, Family, Input

HELD_FAMILIES: dict[str, Family] = {
    "vit": Family(
        module="held_vision", cls="ViT", inputs=(IMAGE,),
        names=((r"^patch\b", "patch_embed.proj"), (r"^cls\b", "cls_token"), (r"^pos\b", "pos_embed"),
               (r"^drop\b", "pos_drop"), (r"^(blocks\.\d)\.(qkv|proj)\b", r"\1.attn.\2"),
               (r"^(blocks\.\d)\.(fc1|act|fc2)\b", r"\1.mlp.\2")),
    ),
    "senext": Family(
        module="held_vision", cls="SENeXt", inputs=(IMAGE,),
        names=((r"^stem\.0", "stem.conv"), (r"^stem\.1", "stem.bn"), (r"^layers\.0\.short", "block1.skip.0"),
               (r"^layers\.1\.short", "block2.skip.1"), (r"^layers\.1\.pool", "block2.skip.0"),
               (r"^layers\.0", "block1"), (r"^layers\.1", "block2"), (r"\bconv1\b", "a.conv"), (r"\bbn1\b", "a.bn"),
               (r"\bconv2\b", "b.conv"), (r"\bbn2\b", "b.bn"), (r"\bconv3\b", "c.conv"), (r"\bbn3\b", "c.bn"),
               (r"\bsqueeze\b", "se.fc.0"), (r"\bexcite\b", "se.fc.2"), (r"^dropout\b", "drop")),
    ),
    "deeplab": Family(
        module="held_vision", cls="DeepLab", inputs=(IMAGE,),
        names=((r"^stem\b", "backbone"), (r"^aspp\.0\b", "aspp1"), (r"^aspp\.1\b", "aspp2"), (r"^aspp\.2\b", "aspp3"),
               (r"^context\.1", "image_pool"), (r"^project\b", "bottleneck"), (r"^dropout\b", "drop"),
               (r"^head\b", "cls_head"), (r"^aux\b", "aux_head"), (r"\.0$", ".conv"), (r"\.1$", ".bn")),
    ),
    "densenet": Family(
        module="held_vision", cls="DenseNet", inputs=(IMAGE,),
        names=((r"^features\.conv0", "conv"), (r"^features\.norm0", "bn"), (r"^features\.pool0", "pool"),
               (r"^block\.(\d)\.norm1", r"dense.\1.bn_a"), (r"^block\.(\d)\.conv1", r"dense.\1.squeeze"),
               (r"^block\.(\d)\.norm2", r"dense.\1.bn_b"), (r"^block\.(\d)\.conv2", r"dense.\1.grow"),
               (r"^block\b", "dense"), (r"^transition\.0", "trans_bn"), (r"^transition\.2", "trans_conv"),
               (r"^norm5", "last_bn"), (r"^classifier", "out")),
    ),
    "mixer": Family(
        module="held_vision", cls="Mixer", inputs=(IMAGE,),
        names=((r"^stem\b", "embed"), (r"^layers", "stack"), (r"\bnorm(\d)", r"ln\1"), (r"tokens\.fc1", "mix.0"),
               (r"tokens\.fc2", "mix.2"), (r"channels\.fc1", "mlp.0"), (r"channels\.fc2", "mlp.2"),
               (r"^norm\b", "ln"), (r"^head\b", "fc")),
    ),
    "discriminator": Family(
        module="held_image", cls="Discriminator", inputs=(IMAGE,),
        names=((r"^conv1\b", "first.0"), (r"^conv2\b", "second.0"), (r"^norm2\b", "second.1"), (r"^conv3\b", "third.0"),
               (r"^norm3\b", "third.1"), (r"^score\b", "fc")),
    ),
    "nonlocal": Family(
        module="held_image", cls="NonLocalNet", inputs=(Input((4, 3, 16, 16), sparse=True),),
        names=((r"^conv1\b", "stem"), (r"^theta\b", "query"), (r"^phi\b", "key"), (r"^g\b", "value"),
               (r"^w\.0", "out"), (r"^w\.1", "out_bn"), (r"^gate\b", "spatial"), (r"^head\b", "fc")),
    ),
    "superres": Family(
        module="held_image", cls="SuperResolution", inputs=(Input((4, 3, 8, 8)),),
        names=((r"^head\b", "conv_first"), (r"^body\.(\d)\.body\.0", r"trunk.\1.conv1"),
               (r"^body\.(\d)\.body\.1", r"trunk.\1.prelu"), (r"^body\.(\d)\.body\.2", r"trunk.\1.conv2"),
               (r"^body\b", "trunk"), (r"^up\.0", "upconv"), (r"^tail\b", "conv_last")),
    ),
    "vae": Family(
        module="held_image", cls="VAE", inputs=(IMAGE,),
        names=((r"^enc_in\b", "encoder.conv_in"), (r"^enc_norm\b", "encoder.norm"), (r"^down\b", "encoder.down"),
               (r"^moments\b", "encoder.conv_out"), (r"^dec_in\b", "decoder.conv_in"),
               (r"^dec_norm\b", "decoder.norm"), (r"^dec_out\b", "decoder.conv_out")),
    ),
    "bare": Family(
        module="held_image", cls="Bare", inputs=(IMAGE,),
        names=((r"^w(\d)\b", r"conv\1_w"), (r"^b(\d)\b", r"conv\1_b"), (r"^scale\b", "ln_w"), (r"^shift\b", "ln_b"),
               (r"^conv3_", "fc_")),
    ),
    "translator": Family(
        module="held_sequence", cls="Translator", inputs=(Input((4, 7), below=20), Input((4, 6), below=20)),
        names=((r"^embed\b", "embedding"), (r"^encoder\b", "enc.gru"), (r"^bridge\b", "enc.fc"),
               (r"^decoder\b", "dec"), (r"^key\b", "attn"), (r"^combine\b", "concat_fc"), (r"^out\b", "generator")),
    ),
    "textdecoder": Family(
        module="held_sequence", cls="TextDecoder", inputs=(Input((4, 6), below=20), Input((4, 6, 16))),
        names=((r"^tokens\b", "word_emb"), (r"^layers\b", "decoder"), (r"\bcross\b", "cross_attn"),
               (r"\bwq\b", "q_proj"), (r"\bwk\b", "k_proj"), (r"\bwv\b", "v_proj"), (r"\bwo\b", "out_proj"),
               (r"\bnorm(\d)", r"ln\1"), (r"ffn\.0", "linear1"), (r"ffn\.2", "linear2")),
    ),
    "audio": Family(
        module="held_sequence", cls="Audio", inputs=(Input((4, 4, 32)),),
        names=((r"^stem\b", "subsample"), (r"^mods\.0", "block1"), (r"^mods\.1", "block2"), (r"\bnorm\b", "layer_norm"),
               (r"\bpw(\d)", r"pointwise\1"), (r"\bdw\b", "depthwise"), (r"\bbn\b", "batch_norm"),
               (r"\bdrop\b", "dropout"), (r"^fc\b", "embed"), (r"^head\b", "classifier")),
    ),
    "swin": Family(
        module="held_fresh", cls="Swin", inputs=(Input((4, 3, 8, 8)),),
        names=((r"^patch\b", "patch_embed"), (r"^blocks\b", "layers"), (r"^merge_norm", "reduction_norm"),
               (r"^merge\b", "reduction"), (r"^norm\b", "last_norm"), (r"^head\b", "fc"), (r"\bnorm(\d)", r"ln_\1"),
               (r"\b(qkv|proj)\b", r"attn.\1"), (r"\btable\b", "attn.bias_table"), (r"mlp\.0", "fc1"),
               (r"mlp\.2", "fc2")),
    ),
    "pointnet": Family(
        module="held_fresh", cls="PointNet", inputs=(Input((4, 3, 24)),),
        names=((r"^tconv", "stn.0"), (r"^tfc", "stn_fc"), (r"^conv1", "lin1"), (r"^bn1", "norm"), (r"^conv2", "lin2"),
               (r"^fc1", "head.0"), (r"^drop\b", "head.2"), (r"^fc2", "head.3")),
    ),
    "textline": Family(
        module="held_fresh", cls="TextLine", inputs=(Input((4, 1, 16, 20)),),
        names=((r"^cnn\.0", "conv1"), (r"^cnn\.2", "pool1"), (r"^cnn\.3", "conv2"), (r"^cnn\.5", "pool2"),
               (r"^rnn", "lstm"), (r"^fc", "out")),
    ),
}  # fmt: skip
