"""The soak's judge: what it calls flat, and what it does not."""

import math
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "soak"))

from judge import Verdict

MIB = 1024 * 1024


def series(value, seconds=1800, every=5):
    noise = random.Random(1)
    return [(t, value(t) + noise.uniform(-0.5, 0.5)) for t in range(0, seconds, every)]


@pytest.mark.parametrize(
    "kind, value, flat",
    [
        ("rss", lambda t: 40 * MIB, True),
        ("rss", lambda t: 40 * MIB + 5 * MIB * (1 - math.exp(-t / 60)), True),  # it warms up
        ("rss", lambda t: 40 * MIB + MIB * (t // 5 % 7), True),  # it breathes
        ("rss", lambda t: 8 * MIB + 500 * t, False),  # 5 bytes for each of 100 requests a second
        ("rss", lambda t: 8 * MIB + (MIB if t > 1500 else 0), False),
        ("descriptors", lambda t: 12, True),
        ("descriptors", lambda t: 12 + 5 * (t // 5 % 2), True),
        ("descriptors", lambda t: 12 + t // 600, False),
        ("threads", lambda t: 4 + (2 if t > 1300 else 0), False),
        ("threads", lambda t: 9 - t // 600, True),
    ],
)
def test_what_is_flat(kind, value, flat):
    assert Verdict(kind, series(value)).flat is flat


def test_too_little_to_judge():
    with pytest.raises(ValueError, match="too few"):
        Verdict("rss", series(lambda t: 1, seconds=60))
