"""What a framework's kernels hold as float32 is known where the framework is not."""

from __future__ import annotations

from parity_tests.helpers.checkout import python


def test_a_capture_rounds_as_paddle_would_where_there_is_no_paddle() -> None:
    program = (
        "import sys; sys.modules['paddle'] = sys.modules['torch'] = None\n"
        "from nlblocks.parity.recording import Rounding\n"
        "held = Rounding.declared()\n"
        "assert held.constants['batch_norm'] == ('eps',) and held.formulas and held.statistics_off\n"
        "assert not held.beyond(held)\n"
    )
    found = python("-c", program)
    assert found.returncode == 0, found.stderr
