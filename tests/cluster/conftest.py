"""A cluster for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .emulator import Emulator, stand_in
from .sample import NAMESPACE


@pytest.fixture
def cluster() -> Iterator[Emulator]:
    """Run a cluster whose images `app:1`, `app:2` … are stand-in model servers of that version."""
    images = {f"app:{number}": stand_in(version=f"{number}.0.0") for number in range(1, 5)}
    with Emulator(images) as emulator:
        emulator.create_namespace(NAMESPACE)
        yield emulator
