"""100,000 requests at a traced nginx: each is a span received or a span counted as dropped, exactly."""

import sys
from pathlib import Path

import pytest

from rig import program

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
import accounting  # noqa: E402
from process import Place  # noqa: E402


@pytest.mark.parametrize("connections", [1, 64])
def test_every_request_is_a_span_or_counted(connections):
    for tool in ("nginx", "wrk"):
        program(tool)
    with Place() as place:
        account, _ = accounting.run(place, 50000, connections=connections)
    assert account.log >= 50000
    assert not account.faults(), account


def test_what_does_not_add_up_is_noticed():
    numbers = {
        "log": 10, "status": 10, "own": 1, "answered": 7, "unread": 2, "errors": 0,
        "finished": 10, "lost": 3, "received": 7, "traces": 7, "malformed": 0,
    }  # fmt: skip
    assert accounting.Account(**numbers).faults() == []
    for name, value in numbers.items():
        if name in ("own", "answered", "unread"):
            continue
        wrong = accounting.Account(**{**numbers, name: value + 1})
        assert wrong.faults(), name
    assert accounting.Account(**{**numbers, "answered": 6}).faults()
