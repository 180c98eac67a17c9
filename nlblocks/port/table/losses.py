"""Losses, as layers and functions."""

from __future__ import annotations

from typing import Any

from nlblocks.port.table.row import Row, api, case, dropped, only, refused, to, when

PAIR = {"label": "target"}
STILL = {"label": to("target", "detached")}
"""Labels that Paddle gives no gradient."""
KEPT = refused("a part of the state of torch's layer alone")
UNLEARNT = "labels have no gradient in Paddle"
WHY = "the mean counts the ignored where their index is negative; classes on any axis; labels may keep it"


def _plain(layer: str, function: str, torch: str = "", x: str = "f3,4", y: str = "f3,4") -> tuple[Row, Row]:
    """A layer and a function whose one setting is the reduction."""
    torch = torch or layer
    reduced = "reduction='mean'"
    return api(
        f"paddle.nn.{layer}({reduced}{'' if layer == 'MSELoss' else ', name=None'})",
        f"nn.{torch}(*, {reduced})",
        {},
        case("layer(x, y)", layer=f"nn.{layer}()", x=x, y=y),
        case("layer(x, y)", layer=f"nn.{layer}(reduction='sum')", x=x, y=y),
        case("layer(x, y)", layer=f"nn.{layer}('none')", x=x, y=y),
        also=f"paddle.nn.loss.{layer}",
    ), api(
        f"paddle.nn.functional.{function}(input, label, {reduced}, name=None)",
        f"F.{function}(input, target, *, {reduced})",
        PAIR,
        case(f"F.{function}(x, y)", x=x, y=y),
        case(f"F.{function}(x, y, reduction='none')", x=x, y=y),
        case(f"F.{function}(input=x, label=y, reduction='sum')", x=x, y=y),
    )


ENTROPY = {"use_softmax": only(True)}
TAKES = (
    "weight=None, ignore_index=-100, reduction='mean', soft_label=False, axis=-1, use_softmax=True,"
    " label_smoothing=0.0, name=None"
)
GIVES = "weight=None, ignore_index=-100, reduction='mean', soft_label=False, axis=-1, label_smoothing=0.0"
ONE: dict[str, Any] = {"x": "f6,5", "y": "i6:5"}

ROWS = (
    api(
        f"paddle.nn.functional.cross_entropy(input, label, {TAKES})",
        f"cross_entropy(input, label, {GIVES})",
        ENTROPY,
        case("F.cross_entropy(x, y)", **ONE),
        case("F.cross_entropy(x, y, reduction='none')", **ONE),
        case("F.cross_entropy(x, y, reduction='sum', ignore_index=2)", **ONE),
        case("F.cross_entropy(input=x, label=y, ignore_index=2)", **ONE),
        case("F.cross_entropy(x, y - (y == 1).astype('int64') * 101)", **ONE),
        case("F.cross_entropy(x, y[:, None], reduction='none')", **ONE),
        case("F.cross_entropy(x, y.astype('int32'), weight=paddle.arange(1, 6).astype('float64'))", **ONE),
        case("F.cross_entropy(x, y, label_smoothing=0.1)", held=True, **ONE),
        case("F.cross_entropy(x, F.softmax(z), soft_label=True)", x="f6,5", z="f6,5"),
        case("F.cross_entropy(x, F.softmax(z.detach()), soft_label=True, reduction='none')", x="f6,5", z="f6,5"),
        case("F.cross_entropy(x, y, axis=1)", x="f2,5,3,4", y="i2,3,4:5"),
        case("F.cross_entropy(x, y, reduction='none')", x="f2,3,5", y="i2,3:5"),
        variants=(when(None, why="weights of soft labels", weight="given", soft_label=(True,)),),
        notes=WHY,
    ),
    api(
        f"paddle.nn.CrossEntropyLoss({TAKES})",
        f"CrossEntropyLoss(*, {GIVES})",
        ENTROPY,
        case("layer(x, y)", layer="nn.CrossEntropyLoss()", **ONE),
        case("layer(x, y)", layer="nn.CrossEntropyLoss(reduction='none')", **ONE),
        case("layer(x, y)", layer="nn.CrossEntropyLoss(ignore_index=3, reduction='sum')", **ONE),
        case("layer(x, y)", layer="nn.CrossEntropyLoss(None, 2)", **ONE),
        case("layer(x, y)", layer="nn.CrossEntropyLoss(axis=1, label_smoothing=0.0)", x="f2,5,3", y="i2,3:5"),
        case("layer(x, F.softmax(z.detach()))", layer="nn.CrossEntropyLoss(soft_label=True)", x="f6,5", z="f6,5"),
        also="paddle.nn.loss.CrossEntropyLoss",
        notes=WHY,
    ),
    api(
        "paddle.nn.functional.softmax_with_cross_entropy(logits, label, soft_label=False, ignore_index=-100,"
        " numeric_stable_mode=True, return_softmax=False, axis=-1)",
        "cross_entropy({logits}, {label}, soft_label={soft_label}, ignore_index={ignore_index}, axis={axis},"
        " reduction='none')",
        {"numeric_stable_mode": dropped("torch's always is stable"), "return_softmax": only(False)},
        case("F.softmax_with_cross_entropy(x, y[:, None], axis=1)", x="f2,5,3", y="i2,3:5"),
        case("F.softmax_with_cross_entropy(x, y[:, None])", **ONE),
        case("F.softmax_with_cross_entropy(x, F.softmax(z.detach()), soft_label=True)", x="f6,5", z="f6,5"),
        case("F.softmax_with_cross_entropy(x, y[:, None], ignore_index=2)", **ONE),
    ),
    *_plain("MSELoss", "mse_loss"),
    *_plain("L1Loss", "l1_loss"),
    api(
        "paddle.nn.functional.square_error_cost(input, label)",
        "F.mse_loss({input}, {target}, reduction='none')",
        PAIR,
        case("F.square_error_cost(x, y)", x="f3,4", y="f3,4"),
    ),
    api(
        "paddle.nn.functional.binary_cross_entropy(input, label, weight=None, reduction='mean', name=None)",
        "F.binary_cross_entropy(input, target, weight=None, *, reduction='mean')",
        STILL,
        case("F.binary_cross_entropy(x, y)", x="u3,4", y="u3,4"),
        case("F.binary_cross_entropy(x, y.detach(), reduction='none')", x="u3,4", y="u3,4"),
        case("F.binary_cross_entropy(x, y.detach(), weight=w.detach(), reduction='sum')", x="u3,4", y="u3,4", w="p3,4"),
    ),
    api(
        "paddle.nn.BCELoss(weight=None, reduction='mean', name=None)",
        "BCELoss(*, reduction='mean')",
        {"weight": KEPT},
        case("layer(x, y)", layer="nn.BCELoss()", x="u3,4", y="u3,4"),
        case("layer(x, y.detach())", layer="nn.BCELoss(reduction='none')", x="u3,4", y="u3,4"),
        notes=UNLEARNT,
    ),
    api(
        "paddle.nn.functional.binary_cross_entropy_with_logits(logit, label, weight=None, reduction='mean',"
        " pos_weight=None, name=None)",
        "F.binary_cross_entropy_with_logits(input, target, weight=None, *, reduction='mean', pos_weight=None)",
        {"logit": "input", **STILL},
        case("F.binary_cross_entropy_with_logits(x, y)", x="f3,4", y="u3,4"),
        case("F.binary_cross_entropy_with_logits(x, y.detach(), w.detach(), 'none')", x="f3,4", y="u3,4", w="p3,4"),
        case(
            "F.binary_cross_entropy_with_logits(logit=x, label=y.detach(), reduction='sum', pos_weight=w.detach())",
            x="f3,4",
            y="u3,4",
            w="p4",
        ),
    ),
    api(
        "paddle.nn.BCEWithLogitsLoss(weight=None, reduction='mean', pos_weight=None, name=None)",
        "BCEWithLogitsLoss(*, reduction='mean')",
        {"weight": KEPT, "pos_weight": KEPT},
        case("layer(x, y)", layer="nn.BCEWithLogitsLoss()", x="f3,4", y="u3,4"),
        case("layer(x, y.detach())", layer="nn.BCEWithLogitsLoss(None, 'none')", x="f3,4", y="u3,4"),
        notes=UNLEARNT,
    ),
    api(
        "paddle.nn.functional.smooth_l1_loss(input, label, reduction='mean', delta=1.0, is_huber=True, name=None)",
        "F.huber_loss(input, target, reduction='mean', delta=1.0)",
        {**PAIR, "is_huber": only(True)},
        case("F.smooth_l1_loss(x, y * 3)", x="f3,4", y="f3,4"),
        case("F.smooth_l1_loss(x, y * 3, delta=0.5, reduction='none')", x="f3,4", y="f3,4"),
        case("F.smooth_l1_loss(x, y * 3, 'sum', delta=0.5, is_huber=False)", x="f3,4", y="f3,4"),
        variants=(
            when(
                "F.smooth_l1_loss(input, target, *, reduction='mean', beta=1.0)",
                {"delta": "beta", "is_huber": only(False)},
                is_huber=(False,),
            ),
        ),
    ),
    api(
        "paddle.nn.SmoothL1Loss(reduction='mean', delta=1.0, is_huber=True, name=None)",
        "nn.HuberLoss(reduction='mean', delta=1.0)",
        {"is_huber": only(True)},
        case("layer(x, y * 3)", layer="nn.SmoothL1Loss()", x="f3,4", y="f3,4"),
        case("layer(x, y * 3)", layer="nn.SmoothL1Loss('sum', delta=0.25)", x="f3,4", y="f3,4"),
        case("layer(x, y * 3)", layer="nn.SmoothL1Loss(delta=0.25, is_huber=False)", x="f3,4", y="f3,4"),
        variants=(
            when(
                "nn.SmoothL1Loss(*, reduction='mean', beta=1.0)",
                {"delta": "beta", "is_huber": only(False)},
                is_huber=(False,),
            ),
        ),
    ),
    api(
        "paddle.nn.functional.kl_div(input, label, reduction='mean', log_target=False, name=None)",
        "F.kl_div(input, target, *, reduction='mean', log_target=False)",
        STILL,
        case("F.kl_div(x, F.softmax(y))", x="f3,4", y="f3,4"),
        case("F.kl_div(x, y, 'batchmean', log_target=True)", x="f3,4", y="f3,4"),
        case("F.kl_div(x, F.softmax(y), reduction='sum')", x="f3,4", y="f3,4"),
        case("F.kl_div(x, F.softmax(y), reduction='none')", x="f3,4", y="f3,4"),
    ),
    api(
        "paddle.nn.KLDivLoss(reduction='mean', log_target=False)",
        "KLDivLoss(*, reduction='mean', log_target=False)",
        {},
        case("layer(x, y)", layer="nn.KLDivLoss(log_target=True)", x="f3,4", y="f3,4"),
        case("layer(x, F.softmax(y))", layer="nn.KLDivLoss()", x="f3,4", y="f3,4"),
        case("layer(x, F.softmax(y).detach())", layer="nn.KLDivLoss('batchmean')", x="f3,4", y="f3,4"),
        notes=UNLEARNT,
    ),
    api(
        "paddle.nn.functional.nll_loss(input, label, weight=None, ignore_index=-100, reduction='mean', name=None)",
        "F.nll_loss(input, target, weight=None, *, ignore_index=-100, reduction='mean')",
        PAIR,
        case("F.nll_loss(x, y)", **ONE),
        case("F.nll_loss(x, y, reduction='none', ignore_index=2)", **ONE),
        case("F.nll_loss(x, y, ignore_index=2)", **ONE),
        case("F.nll_loss(x, y, w.detach(), reduction='sum')", w="p5", **ONE),
    ),
    api(
        "paddle.nn.functional.label_smooth(label, prior_dist=None, epsilon=0.1, name=None)",
        "(1 - {epsilon}) * {label} + {epsilon} / {label}.shape[-1]",
        {"prior_dist": only(None)},
        case("F.label_smooth(x)", x="u3,4", held=True),
        case("F.label_smooth(label=x, epsilon=0.25) * 2", x="u3,4"),
    ),
    api(
        "paddle.nn.functional.sigmoid_focal_loss(logit, label, normalizer=None, alpha=0.25, gamma=2.0,"
        " reduction='sum', name=None)",
        "sigmoid_focal_loss(logit, label, normalizer=None, alpha=0.25, gamma=2.0, reduction='sum')",
        {},
        case("F.sigmoid_focal_loss(x, y)", x="f3,4", y="u3,4"),
        case(
            "F.sigmoid_focal_loss(x, (y > 0.5).astype('float64'), n.detach(), reduction='mean')",
            x="f3,4",
            y="u3,4",
            n="p1",
        ),
        case(
            "F.sigmoid_focal_loss(x, (y > 0.5).astype('float64'), alpha=0.3, gamma=1.5, reduction='none')",
            x="f3,4",
            y="u3,4",
            held=True,
        ),
    ),
    api(
        "paddle.nn.functional.margin_ranking_loss(input, other, label, margin=0.0, reduction='mean', name=None)",
        "F.margin_ranking_loss(input1, input2, target, margin=0.0, *, reduction='mean')",
        {"input": "input1", "other": "input2", **PAIR},
        case("F.margin_ranking_loss(x, y, paddle.sign(z.detach()), reduction='sum')", x="f4", y="f4", z="f4"),
        case("F.margin_ranking_loss(x, y, paddle.sign(z.detach()), margin=0.1)", x="f4", y="f4", z="f4"),
    ),
    api(
        "paddle.nn.functional.ctc_loss(log_probs, labels, input_lengths, label_lengths, blank=0, reduction='mean',"
        " norm_by_times=False, zero_infinity=False)",
        None,
        notes="Paddle's input is not normalised, and its mean is over label lengths",
    ),
)
