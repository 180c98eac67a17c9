"""Plug a non-local block into a vision transformer, on its patch tokens, in torch.

    python examples/insert_into_vit.py

A transformer hands on tokens [B, 1 + N, C], a block for images wants a map [B, C, H, W]. ``adapter`` closes the gap: it
gets the native block and returns the module to plug in, here one that turns the patch tokens into a map and back.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import nlblocks

IMAGE, PATCH, WIDTH = 32, 4, 48
SIDE = IMAGE // PATCH


class ViT(nn.Module):
    """A small vision transformer: patches, a class token, four encoder layers."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 1 + SIDE * SIDE, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, nhead=4, dim_feedforward=96, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=4, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)  # [B, N, C]
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), tokens], dim=1) + self.positions  # [B, 1 + N, C]
        return self.head(self.encoder(tokens)[:, 0])  # [B, 10]


class OnPatches(nn.Module):
    """Run a block for maps on patch tokens; the class token passes by."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, tokens: Tensor) -> Tensor:
        class_token, patches = tokens[:, :1], tokens[:, 1:]  # [B, 1, C], [B, N, C]
        image = patches.transpose(1, 2).unflatten(2, (SIDE, SIDE))  # [B, C, H, W]
        patches = self.block(image).flatten(2).transpose(1, 2)  # [B, N, C]
        return torch.cat([class_token, patches], dim=1)


def main() -> None:
    torch.manual_seed(0)
    # torch's fused kernel for a whole encoder layer is not taken where a hook is attached, and rounds differently.
    torch.backends.mha.set_fastpath_enabled(False)
    model = ViT().eval()
    x = torch.randn(2, 3, IMAGE, IMAGE)
    with torch.no_grad():
        before = model(x)
        for index in (1, 3):
            nlblocks.insert(
                model,
                f"encoder.layers.{index}",
                nlblocks.specs.NonLocal(in_channels=WIDTH),
                example=x,
                adapter=OnPatches,
                seed=index,
            )
        after = model(x)
    print(f"new tensors: {[name for name in model.state_dict() if 'non_local' in name and name.endswith('g.weight')]}")
    print(f"output unchanged, bit for bit: {torch.equal(before, after)}")


if __name__ == "__main__":
    main()
