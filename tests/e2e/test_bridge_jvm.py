"""The bridge to Java's machine: whose a job's calls are; and that the program sees nothing of it."""

import glob
import os

import pytest

from rig import APPS, ask, program
from test_programs_python import accuracy, answer, hammer

CALLS = {"async": 2, "pool": 2, "late": 2}
MACHINES = sorted({os.path.realpath(p) for p in [program("java"), *glob.glob("/usr/lib/jvm/*/bin/java")]})


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(answer)


def start(rig, peer, java, *options, **more):
    started = rig.start([java, *options, APPS / "Jobs.java", peer.url], "java", **more)
    started.port = int(started.find(r"listening on (\d+)", 60)[1])
    return started


@pytest.fixture(scope="module", params=MACHINES)
def java(shared, peer, request):
    return start(shared, peer, request.param)


@pytest.mark.parametrize("how", CALLS)
def test_links(java, shared, how):
    take = shared.fresh()
    ask(java.port, f"/{how}/first")
    take(1 + CALLS[how])
    hammer(java.port, f"/{how}/slow/%s", 16, 4)
    assert accuracy(take(64 + 64 * CALLS[how], settle=0.6)) == (64 * CALLS[how], 0, 0)


@pytest.mark.parametrize("java", MACHINES)
def test_nobody_sees_it(rig, peer, java):
    """Jobs are the program's own objects, and nothing is said: no warning of the machine's, no line of ours."""
    alone = start(rig, peer, java, traced=False)
    traced = start(rig, peer, java)
    assert ask(traced.port, "/pool/a").status == 200
    found = [s.output().replace(str(s.port), "PORT") for s in (alone, traced)]
    assert found[0] == found[1]
    assert "true true 2\nexecute\ntrue\n" in found[0]
    assert (alone.stop(), traced.stop()) == (143, 143)


def test_what_checks_its_natives_finds_nothing(rig, peer):
    started = start(rig, peer, program("java"), "-Xcheck:jni", "-Xverify:all", "-XX:+UseSerialGC")
    hammer(started.port, "/pool/slow/%s", 8, 2)
    assert accuracy(rig.take(48, settle=0.6)) == (32, 0, 0)
    assert not [line for line in started.output().splitlines() if "WARNING in native" in line or "FATAL" in line]


def test_opt_out(rig, peer):
    started = start(rig, peer, program("java"), env={"AUTOTRACE_BRIDGES": "python,node"})
    assert ask(started.port, "/late/a").status == 200
    assert {s.rule for s in rig.take(3) if s.kind == "client"} == {"none"}
