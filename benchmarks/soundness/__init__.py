"""The benchmark of soundness: does the lab ever call two models the same that are not, or different that are the same?

``python -m benchmarks.soundness`` spoils models at random places (``mutants``) and spells models in two ways
(``right``). What is true of a pair is measured without the lab: each side by its framework's plain API, in float64,
compared by NumPy (``truth``). A mutant that the lab calls the same is MISSED, a right pair that it does not is a FALSE
ALARM; each is printed with the command that shows it again.

To add a mutation: a row of ``tampering.VALUES`` or ``GRADIENTS`` (one tensor on its way), of ``attributes.ROWS`` (a
layer's setting), ``tensors.VALUES`` (a weight) or ``edits.RULES`` (the model's text). To add a model: its class under
one name in ``torch_models/`` and ``paddle_models/``, and a row in ``catalogue``. To add a spelling: a row of the tables
in ``spellings/``, the first of them the framework's own.
"""
