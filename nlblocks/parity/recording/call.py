"""One call of a framework's function, as it was read."""

from __future__ import annotations

from typing import Any

from nlblocks.parity.tracing import vocabulary


class Call:
    """The call in the vocabulary: its kind, its attributes, the numbers of the tensors that it takes, and its site."""

    __slots__ = ("arguments", "attrs", "copied", "inputs", "kind", "name", "roles", "signature", "site")

    def __init__(
        self, kind: str, name: str, inputs: tuple[int, ...], roles: tuple[str, ...], attrs: dict[str, Any],
        arguments: dict[str, Any], site: str, signature: vocabulary.Signature | None = None,
    ) -> None:  # fmt: skip
        self.kind, self.name, self.inputs, self.roles, self.attrs = kind, name, inputs, roles, attrs
        self.arguments, self.site, self.signature = arguments, site, signature
        self.copied: tuple[Any, Any] | None = None  # the first argument, and what stood for it
