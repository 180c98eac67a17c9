"""Fine-tune a ResNet-50 with a non-local block in it, the lower layers frozen, in torch or in Paddle.

    python examples/fine_tune_resnet50.py --backend torch --images FOLDER --weights resnet50.pth
    python examples/fine_tune_resnet50.py --backend paddle --images FOLDER --weights resnet50.pdparams
    python examples/fine_tune_resnet50.py --backend torch              # scikit-learn's digits, from random weights

FOLDER holds train/CLASS/*.png and test/CLASS/*.png. The models and their weights are torchvision's (to be installed) or
paddle.vision's. Plugged in behind layer3, the block starts as the identity: at first the model is the one that was
trained. The last layer is new, for the classes of the folder. The stem, layer1 and layer2 stay as they are, statistics
included; the block and the last layer learn ten times as fast as what is between.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import nlblocks
from nlblocks.training.data import read_data

MEAN, STD = (np.array(values, np.float32) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))  # ImageNet's
FROZEN = ("conv1", "bn1", "layer1", "layer2")
SITE = "layer3.5"
BLOCK = nlblocks.specs.NonLocal(in_channels=1024, sub_sample="after")
FAST, SLOW = 1e-3, 1e-4


class Images:
    """Images as a ResNet takes them, [3, S, S] and a label: what the loaders of both frameworks read."""

    def __init__(self, split: Any, size: int, limit: int | None) -> None:
        self.split, self.size = split, size
        order = np.random.default_rng(0).permutation(len(split))
        self.order = order[:limit]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        from PIL import Image

        number = int(self.order[index])
        picture = Image.fromarray(self.split.images[number].squeeze()).convert("RGB")
        pixels = np.asarray(picture.resize((self.size, self.size), Image.Resampling.BILINEAR), np.float32)
        return ((pixels / 255 - MEAN) / STD).transpose(2, 0, 1), self.split.labels[number]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=("torch", "paddle"), required=True)
    parser.add_argument("--images", type=Path, help="a folder of train/CLASS/*.png and test/CLASS/*.png; else: digits")
    parser.add_argument("--weights", type=Path, help="a checkpoint of 1,000 classes; else: random weights")
    parser.add_argument("--size", type=int, default=64, help="height and width of the images")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--limit", type=int, help="use this many images of each split")
    args = parser.parse_args()
    data = read_data("folder" if args.images else "digits", args.images)
    train, test = (Images(split, args.size, args.limit) for split in (data.train, data.test))
    print(f"{len(train)} images to train on, {len(test)} to test, {len(data.classes)} classes")
    tune = {"torch": fine_tune_in_torch, "paddle": fine_tune_in_paddle}[args.backend]
    tune(train, test, len(data.classes), args)


def fine_tune_in_torch(train: Images, test: Images, classes: int, args: argparse.Namespace) -> Any:
    import torch
    import torch.nn.functional as F
    from torch.utils.data import DataLoader
    from torchvision.models import resnet50

    torch.manual_seed(0)
    model = resnet50()
    if args.weights:
        model.load_state_dict(torch.load(args.weights, weights_only=True))
    block = nlblocks.insert(model, SITE, BLOCK, example=(2, 3, args.size, args.size))
    model.fc = torch.nn.Linear(model.fc.in_features, classes)

    frozen = [model.get_submodule(name) for name in FROZEN]
    for module in frozen:
        module.requires_grad_(False)
    fast = [*block.parameters(), *model.fc.parameters()]
    slow = [p for p in model.parameters() if p.requires_grad and all(p is not other for other in fast)]
    optimiser = torch.optim.Adam([{"params": fast, "lr": FAST}, {"params": slow, "lr": SLOW}])
    before = [value.clone() for module in frozen for value in module.state_dict().values()]
    print(f"{sum(map(torch.numel, fast)):,} new weights, {sum(map(torch.numel, slow)):,} that go on, the rest frozen")

    for epoch in range(args.epochs):
        model.train()
        for module in frozen:
            module.eval()  # else their norms would move their running statistics
        losses = []
        for images, labels in DataLoader(train, args.batch_size, shuffle=True, drop_last=True):
            loss = F.cross_entropy(model(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum(int((model(x).argmax(1) == y).sum()) for x, y in DataLoader(test, args.batch_size))
        report(epoch, losses, right / len(test))
    after = [value for module in frozen for value in module.state_dict().values()]
    print(f"frozen layers as they were, bit for bit: {all(map(torch.equal, before, after))}")
    print(f"the block has moved by {block.norm.weight.abs().max().item():.1e}")
    return model


def fine_tune_in_paddle(train: Images, test: Images, classes: int, args: argparse.Namespace) -> Any:
    import paddle
    import paddle.nn.functional as F
    from paddle.io import DataLoader

    paddle.seed(0)
    model = paddle.vision.models.resnet50()
    if args.weights:
        missing, unexpected = model.set_state_dict(paddle.load(str(args.weights)))
        if missing or unexpected:  # Paddle only warns
            raise SystemExit(f"{args.weights} lacks {missing} and has {unexpected} that no ResNet-50 has")
    block = nlblocks.insert(model, SITE, BLOCK, example=(2, 3, args.size, args.size))
    model.fc = paddle.nn.Linear(model.fc.weight.shape[0], classes)

    frozen = [getattr(model, name) for name in FROZEN]
    for module in frozen:
        for parameter in module.parameters():
            parameter.stop_gradient = True
    fast = [*block.parameters(), *model.fc.parameters()]
    slow = [p for p in model.parameters() if not p.stop_gradient and all(p is not other for other in fast)]
    groups = [{"params": fast, "learning_rate": FAST / SLOW}, {"params": slow}]
    optimiser = paddle.optimizer.Adam(SLOW, parameters=groups)
    before = [value.numpy() for module in frozen for value in module.state_dict().values()]
    print(f"{sum(p.size for p in fast):,} new weights, {sum(p.size for p in slow):,} that go on, the rest frozen")

    for epoch in range(args.epochs):
        model.train()
        for module in frozen:
            module.eval()  # else their norms would move their running statistics
        losses = []
        for images, labels in DataLoader(train, batch_size=args.batch_size, shuffle=True, drop_last=True):
            loss = F.cross_entropy(model(images), labels)
            optimiser.clear_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        model.eval()
        with paddle.no_grad():
            right = sum(int((model(x).argmax(1) == y).sum()) for x, y in DataLoader(test, batch_size=args.batch_size))
        report(epoch, losses, right / len(test))
    after = [value.numpy() for module in frozen for value in module.state_dict().values()]
    print(f"frozen layers as they were, bit for bit: {all(map(np.array_equal, before, after))}")
    print(f"the block has moved by {block.norm.weight.abs().max().item():.1e}")
    return model


def report(epoch: int, losses: list[float], accuracy: float) -> None:
    print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, {accuracy:.1%} of the test images right")


if __name__ == "__main__":
    main()
