"""HAProxy: a loop that reads several requests before it works on one. Its calls repeat them."""

import threading

import pytest

from rig import Peer, Wire, ask, free_port, only, is_child, program, until

CONFIG = """
defaults
	mode http
	timeout connect 2s
	timeout client 10s
	timeout server 10s
frontend front
	bind 127.0.0.1:%(port)d
	default_backend back
backend back
	server one %(upstream)s
"""


@pytest.fixture(scope="module")
def upstream(shared):
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def port(shared, upstream, tmp_path_factory):
    number = free_port()
    path = tmp_path_factory.mktemp("haproxy") / "haproxy.cfg"
    host = f"127.0.0.1:{upstream.port}"
    path.write_text(CONFIG % {"port": number, "upstream": host}, encoding="utf-8")
    shared.start([program("haproxy"), "-db", "-f", str(path)], service="haproxy")

    def answers():
        try:
            return ask(number, "/up").status == 200
        except OSError:
            return False

    until(answers, what="HAProxy")
    shared.fresh(2)
    return number


def test_one_at_a_time(shared, port):
    take = shared.fresh()
    assert ask(port, "/a").status == 200
    spans = take(2)
    assert is_child(only(spans, kind="client"), only(spans, kind="server"))


def test_right_parents_under_concurrency(shared, port):
    take = shared.fresh()
    clients, rounds = 24, 20

    def client(number):
        with Wire(port) as wire:
            for n in range(rounds):
                assert wire.ask(f"/c{number}/r{n}").status == 200

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = take(2 * clients * rounds, settle=0.4)
    served = {s.id: s for s in spans if s.kind == "server"}
    calls = [s for s in spans if s.kind == "client"]
    assert len(served) == len(calls) == clients * rounds
    linked = [c for c in calls if c.parent]
    assert all(c.parent in served for c in linked)
    wrong = [c for c in linked if not c["url.full"].endswith(served[c.parent]["url.path"])]
    assert not wrong and len(linked) == len(calls), (len(wrong), len(linked), len(calls))
