"""Functions with a backward pass of their own: Paddle's PyLayer, and what its context keeps."""

from __future__ import annotations

from nlblocks.port.table.row import Case, api, case

CLASS = """
class Cut(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx, x, low=None):
        kept = x > (0.5 if low is None else low)
        ctx.save_for_backward({})
        ctx.factor = 2.0
        {}
        return x.masked_fill(kept, 0) * ctx.factor

    @staticmethod
    def backward(ctx, grad):
        kept, *others = ctx.saved_tensor()
        return grad.masked_fill(kept, 0) * ctx.factor + len(others)

Cut.apply(x)
"""


def cut(saved: str = "kept", marked: str = "pass") -> Case:
    """A function that keeps something for its backward pass, and says more of it."""
    return case(CLASS.format(saved, marked))


ROWS = (
    api(
        "paddle.autograd.PyLayer()",
        "torch.autograd.Function()",
        {},
        cut(),
        also="paddle.autograd.py_layer.PyLayer",
        value="torch.autograd.Function",
        notes="torch wants a gradient, or None, for each argument, and says so where one lacks",
    ),
    api("paddle.autograd.PyLayer.apply(*args)", "{self}.apply(*args)", {"args": "args"}, cut(),
        rule="applied_function"),
    api("PyLayerContext.save_for_backward(*tensors)", "{self}.save_for_backward(*tensors)", {}, cut("kept, x")),
    api("PyLayerContext.saved_tensor()", "{self}.saved_tensors", {}, cut()),
    api("PyLayerContext.set_materialize_grads(value)", "{self}.set_materialize_grads(value)", {},
        cut(marked="ctx.set_materialize_grads(True)")),
    api("PyLayerContext.mark_non_differentiable(*args)", "{self}.mark_non_differentiable(*args)", {},
        cut(marked="ctx.mark_non_differentiable(kept)")),
    api("PyLayerContext.mark_not_inplace(*args)", None, {},
        also="PyLayerContext.set_grad_in_dtype_consistent", notes="torch's context has no such word"),
)  # fmt: skip
