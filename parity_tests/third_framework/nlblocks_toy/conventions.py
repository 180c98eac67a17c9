"""How numtape names its layers' tensors and lays them out. Imports no numtape."""

from nlblocks.conventions import BatchNorm, Conventions

conventions = Conventions(
    title="numtape",
    safetensors="numtape",
    linear_in_out=True,
    batch_norm=BatchNorm(mean="mean", variance="var", count=""),
)
