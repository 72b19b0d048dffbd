"""Fixtures of the end-to-end tests: see rig.py."""

import pytest

from rig import Rig


@pytest.fixture
def rig(tmp_path):
    """A collector and a place for traced programs, for one test."""
    made = Rig(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The same for all tests of a file: servers that are started once."""
    made = Rig(tmp_path_factory.mktemp("rig"))
    yield made
    made.stop()
