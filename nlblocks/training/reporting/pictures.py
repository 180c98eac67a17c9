"""The grid of test pictures with what each run makes of them: right and wrong marked, one run at a time."""

from __future__ import annotations

import base64
import io
import json
from html import escape
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlblocks.training.reporting.results import Results
from nlblocks.training.runs import StudyFolder

SHOWN = 16
"""Pictures of each of the two grids."""

STYLE = """
.tests{display:grid;grid-template-columns:repeat(auto-fill,minmax(92px,1fr));gap:10px;margin:8px 0 16px}
.tests figure{margin:0;border:3px solid var(--line);border-radius:8px;padding:4px;text-align:center;font-size:13px}
.tests img{display:block;width:100%;image-rendering:pixelated;border-radius:3px;background:#fff}
.tests figure.right{border-color:var(--good)}.tests figure.wrong{border-color:var(--bad);border-style:dashed}
.tests figcaption{margin-top:3px;line-height:1.35;overflow-wrap:anywhere}
.tests .wrong figcaption{color:var(--bad);font-weight:600}
select{font:inherit;padding:6px 9px;border:1px solid var(--line);border-radius:7px;background:var(--page);
color:var(--ink);max-width:100%}
""".strip()

SCRIPT = """
(function(){var data=JSON.parse(document.getElementById('answers').textContent),pick=document.getElementById('run');
function show(){var run=data.runs[pick.selectedIndex];document.getElementById('share').textContent=run.said;
document.querySelectorAll('.tests figure').forEach(function(box){var at=box.dataset.at,is=data.labels[at],
said=run.answers[at],right=is===said;box.className=right?'right':'wrong';
box.querySelector('figcaption').textContent=right?'✓ '+data.classes[is]:
'✗ '+data.classes[said]+', is '+data.classes[is]})}
pick.addEventListener('change',show);show()})()
""".strip()


def card(results: Results) -> str:
    """The card; "" where the folder holds no pictures, or no run's answers."""
    pictures = StudyFolder(results.path).pictures()
    asked = [(result, found) for result in results.runs if (found := result.run.answers()) is not None]
    if pictures is None or not asked or find_spec("PIL") is None:
        return ""
    count = len(pictures.images)
    wrong = sum((found.predicted[:count] != pictures.labels[:count]).astype(int) for _, found in asked)
    first = list(range(min(SHOWN, count)))
    hard = [int(at) for at in np.argsort(-wrong, kind="stable") if wrong[at] and at not in first][:SHOWN]
    shown = {at: _image(pictures.images[at]) for at in (*first, *hard)}
    runs, options = [], []
    for result, found in asked:
        right = int((found.predicted == pictures.labels).sum())
        runs.append({
            "answers": {at: int(found.predicted[at]) for at in shown},
            "said": f"{right} of the {len(pictures.labels)} test pictures right",
        })  # fmt: skip
        options.append(f"<option>{escape(result.name)}</option>")
    data = {"classes": pictures.classes, "labels": {at: int(pictures.labels[at]) for at in shown}, "runs": runs}
    text = json.dumps(data).replace("<", "\\u003c")  # no name may end the script
    parts = [("The first of them", first), (f"Of the first {count}, those that most runs have wrong", hard)]
    grids = "".join(
        _grid(title, {at: shown[at] for at in places}, wrong, len(runs)) for title, places in parts if places
    )
    return (
        f'<div class="card"><h2>Test pictures</h2><p><label>What a run made of them: <select id="run">'
        f'{"".join(options)}</select></label> <output id="share" class="soft"></output></p>{grids}'
        f'<script type="application/json" id="answers">{text}</script><script>{SCRIPT}</script></div>'
    )


def _grid(title: str, shown: dict[int, str], wrong: NDArray[Any], runs: int) -> str:
    found = "".join(
        f'<figure data-at="{at}" title="test picture {at}: {int(wrong[at])} of {runs} runs have it wrong">'
        f'<img alt="test picture {at}" src="data:image/png;base64,{image}"><figcaption></figcaption></figure>'
        for at, image in shown.items()
    )
    return f'<p class="soft">{escape(title)}</p><div class="tests">{found}</div>'


def _image(pixels: NDArray[np.uint8]) -> str:
    """[H, W, C] as a PNG, in base64."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode()
