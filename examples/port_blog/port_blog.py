"""Blog code in, torch out, and that equal to our own torch implementation from the same weights.

    python examples/port_blog/port_blog.py OUT [NETWORK ...]

blog.py holds the networks of the Paddle blog on non-local attention as an article writes them. They are ported to OUT,
proven equal to the Paddle code, and then compared with what ``nlblocks.build`` makes of the blog's spec in torch.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import replace
from pathlib import Path

import nlblocks
from nlblocks import parity
from nlblocks.port import port
from nlblocks.specs import AttentionResNet, BatchNorm

HERE = Path(__file__).parent
SHAPE = (2, 3, 48, 48)
NETWORKS = {
    "ResNet": None,
    "ResNetNonLocal": "EmbeddedGaussion",
    "resnet_embedded_wide": "EmbeddedGaussionNoBottleNeck",
    "resnet_vanilla": "VanillaGaussion",
    "resnet_dot": "DotProduction",
}
"""What blog.py calls its networks, and the block that each has."""
TORCHS = BatchNorm(eps=1e-5, variance="unbiased")
"""What torch's own BatchNorm computes, which a port has; Paddle's keeps the biased variance."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a folder that is empty or not there yet")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    options = parser.parse_args()
    unknown = [name for name in options.networks if name not in NETWORKS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: blog.py has {', '.join(NETWORKS)}")
    names = options.networks or list(NETWORKS)

    shape = ",".join(map(str, SHAPE))
    proof = port([f"blog:{name}" for name in names], options.out, path=[HERE], inputs=shape, progress=print)
    print(proof)
    if not proof:
        return proof.status

    sys.path.insert(0, str(options.out))
    blog_torch = importlib.import_module("blog_torch")
    same = [compare(getattr(blog_torch, name)(), name, options.out / f"{name}.pth") for name in names]
    return 0 if all(same) else 1


def compare(net, name: str, weights: Path) -> bool:
    """The port against our own network: the lab finds which layer is which, and moves the weights."""
    import torch

    net.load_state_dict(torch.load(weights))
    report = parity.compare(net, nlblocks.build(spec_of(name), backend="torch"), SHAPE)
    print(f"{name} against ours: {report}")
    return bool(report)


def spec_of(name: str) -> AttentionResNet:
    """The spec of one of the blog's networks, with torch's BatchNorm."""
    blog, block = nlblocks.dialects.get("paddle_blog"), NETWORKS[name]
    spec = blog.spec("ResNet") if block is None else blog.spec("ResNetNonLocal", block=block)
    attention = spec.attention and replace(spec.attention, norm=TORCHS)
    return replace(spec, norm=TORCHS, attention=attention)


if __name__ == "__main__":
    sys.exit(main())
