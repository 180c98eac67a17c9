"""Recurrent layers."""

from __future__ import annotations

from nlblocks.port.table.row import Case, Fate, Row, api, case, only, refused, to

STARTS = {f"{kind}_{part}_attr": refused("each gate's start") for kind in ("weight", "bias") for part in ("ih", "hh")}
TAKES = "input_size, hidden_size, num_layers=1, direction='forward', time_major=False, dropout=0.0, "
ENDS = "weight_ih_attr=None, weight_hh_attr=None, bias_ih_attr=None, bias_hh_attr=None, "
GIVES = "input_size, hidden_size, *, num_layers=1, bidirectional=False, batch_first=False, dropout=0.0"


def _recurrent(paddle: str, torch: str, more: str = "", theirs: str = "", *cases: Case, **fates: Fate | str) -> Row:
    before, after = ("", more) if paddle == "LSTM" else (more, "")
    return api(
        f"paddle.nn.{paddle}({TAKES}{before}{ENDS}{after}name=None)",
        f"nn.{torch}({GIVES}{theirs})",
        {
            "direction": to("bidirectional", "bidirectional"),
            "time_major": to("batch_first", "negated"),
            **STARTS,
            **fates,
        },
        case("layer(x)[0]", layer=f"nn.{paddle}(4, 6)", x="f2,3,4"),
        case("layer(x)", layer=f"nn.{paddle}(4, 6, num_layers=2)", x="f2,3,4"),
        case("layer(x)", layer=f"nn.{paddle}(4, 6, direction='bidirectional')", x="f2,3,4"),
        case(
            "layer(x)[0]",
            layer=f"nn.{paddle}(input_size=4, hidden_size=6, direction='bidirect', num_layers=2)",
            x="f2,3,4",
        ),
        case("layer(x)", layer=f"nn.{paddle}(4, 6, time_major=True)", x="f3,2,4"),
        case("layer(x)[0]", layer=f"nn.{paddle}(4, 6, 2, 'forward', False, 0.5)", x="f2,3,4", check="shape"),
        *cases,
    )


ROWS = (
    _recurrent("LSTM", "LSTM", "proj_size=0, ", proj_size=only(0)),
    _recurrent("GRU", "GRU"),
    _recurrent(
        "SimpleRNN",
        "RNN",
        "activation='tanh', ",
        ", nonlinearity='tanh'",
        case(layer="nn.SimpleRNN(4, 6, activation='relu')", x="f2,3,4"),
        activation=to("nonlinearity"),
    ),
    *(
        api(f"paddle.nn.{name}", None, {}, notes="a cell gives its output twice, and is one operation in torch")
        for name in ("LSTMCell", "GRUCell", "SimpleRNNCell", "RNN", "BiRNN")
    ),
)
