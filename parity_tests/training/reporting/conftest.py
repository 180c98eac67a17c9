"""One study for the tests of what is shown of it."""

from __future__ import annotations

import pytest

from nlblocks.training.reporting import Results
from parity_tests.helpers.studies import study_folder


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Three seeds in two backends; the last run stopped after three of six epochs."""
    return Results.read(study_folder(tmp_path_factory.mktemp("reported"), stop=3))
