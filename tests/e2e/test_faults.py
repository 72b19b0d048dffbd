"""The collector misbehaves, in every way there is: tests/faults in its quick form, a test for each row."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig import BUILD, PYTHON, program, until

FAULTS = Path(__file__).parents[1] / "faults"
sys.path.append(str(FAULTS))
import account  # noqa: E402
import moods  # noqa: E402
import names  # noqa: E402
import receiver  # noqa: E402
import rows  # noqa: E402


@pytest.fixture(scope="module")
def run():
    """All rows, side by side; what was found by row, and what was said."""
    for tool in ("nginx", "curl", "openssl"):
        program(tool)
    file = BUILD / "faults/quick.json"
    file.unlink(missing_ok=True)
    env = {**os.environ, "BUILD_DIR": str(BUILD)}
    done = subprocess.run([PYTHON, FAULTS / "run", "--quick"], env=env, capture_output=True, text=True, timeout=500)
    assert file.exists(), done.stdout + done.stderr
    return json.loads(file.read_text())["rows"], done.stdout + done.stderr


@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.name)
def test_row(run, row):
    found, said = run
    if row.resolver and names.possible():
        pytest.skip(names.possible())
    assert row.name in found, said
    assert found[row.name]["faults"] == [], found[row.name]
    assert found[row.name]["requests"] > 300


class Receipt:
    def __init__(self, numbers, acknowledged, rejected=0):
        self.numbers, self.acknowledged, self.rejected = numbers, acknowledged, rejected

    def spans(self):
        return [{"attributes": {"url.path": f"/r/{n}"}} for n in self.numbers]


def test_what_does_not_add_up_is_noticed():
    row = rows.Row("x", None, (), causes=("export failed",), witnessed=True)
    good = [Receipt([0, 1, 2], True), Receipt([3, 4], False), Receipt([5], False), Receipt([5], True)]
    ended = (6, 2, {"export failed": 2})
    fine = account.Account(6, good, ended, row)
    assert fine.faults() == [] and (fine.delivered, fine.copies, fine.unthanked) == (4, 1, 2)
    assert account.Account(7, good, ended, row).faults()
    assert account.Account(6, good[:-1], ended, row).faults()
    assert account.Account(6, [*good, Receipt([0], True)], ended, row).faults()
    assert account.Account(6, good, (6, 1, {"export failed": 1}), row).faults()
    assert account.Account(6, good, (6, 2, {"export failed": 1, "queue full": 1}), row).faults()
    assert account.Account(6, [Receipt([0, 1, 2], True, 1), *good[1:]], ended, row).faults()
    assert account.Account(6, [*good, Receipt([9], False)], ended, row).faults()


def test_who_waits_no_longer_was_not_told():
    with contextlib.closing(receiver.Receiver(moods.Mood(moods.WELL), {})) as well:
        for stays in (True, False):
            with socket.create_connection(("127.0.0.1", well.port)) as link:
                for _ in range(2):
                    link.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab")
                    assert link.recv(1000).startswith(b"HTTP/1.1 200 ")
                if stays:
                    well.be(moods.Mood(moods.WELL))
        until(lambda: len(well.receipts) == 4 and well.receipts[3].left, what="the end of the connection")
        for receipt in well.receipts:
            receipt.unheard(until=time.monotonic())
        assert [r.acknowledged for r in well.receipts] == [True, True, True, False]


def test_the_last_line_is_read():
    lost = "autotrace: 7: lost 3 of 9 spans: 2 queue full, 1 not delivered before exit; otlp: http://x is not there"
    assert account.ended(lost) == (9, 3, {"queue full": 2, "not delivered before exit": 1})
    assert account.ended("autotrace: 7: 9 spans finished, 9 delivered") == (9, 0, {})
    assert account.ended("autotrace: 7: otlp: http://x cannot be reached") is None
