"""The exporter against the OTLP receiver of the OpenTelemetry Collector (tests/collector), over gRPC and HTTP."""

import json
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from collector import read_json
from emit import Run, free_port

BUILD = Path(os.environ.get("BUILD_DIR", Path(__file__).parents[2] / "build"))
PROGRAM = BUILD / "otlp-collector"
pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"no {PROGRAM.name}: see tests/collector/build")


class Otelcol:
    """A running receiver; protocols as in its configuration, endpoints are added."""

    def __init__(self, directory, protocols):
        self.out = directory / "spans.jsonl"
        self.ports = {name: free_port() for name in protocols}
        for name, settings in protocols.items():
            settings["endpoint"] = f"127.0.0.1:{self.ports[name]}"
        config = directory / "config.json"
        config.write_text(json.dumps({"protocols": protocols}))
        self.process = subprocess.Popen([PROGRAM, config, self.out], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n", self.process.stderr.read()

    def spans(self):
        return [s for line in self.out.read_text().splitlines() for s in read_json(line)]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def otelcol(tmp_path):
    running = []

    def start(**protocols):
        running.append(Otelcol(tmp_path, protocols))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def export(c, protocol, *args, scheme="http", **env):
    port = c.ports["grpc" if protocol == "grpc" else "http"]
    return Run(args, {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": f"{scheme}://127.0.0.1:{port}",
        "AUTOTRACE_EXIT_TIMEOUT": "20000", **env})  # fmt: skip


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf", "http/json"])
def test_protocols(otelcol, protocol, compression):
    c = otelcol(grpc={}, http={})
    r = export(c, protocol, 3000, "patient=1", "fork=1", OTEL_SERVICE_NAME="shop",
               OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    spans = c.spans()
    assert r.lost == 0 and r.lines == [] and len(spans) == 6000 == len({s["span"] for s in spans})
    assert {s["resource"]["service.name"] for s in spans} == {"shop"}
    assert {s["name"] for s in spans} == {"GET /api/users/{id}/orders"}
    assert spans[0]["attributes"]["http.response.status_code"] == 200 and spans[0]["kind"] == 2
    r.check_sums()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_mutual_tls(otelcol, pki, protocol):
    tls = {"tls": {"cert_file": str(pki / "server.pem"), "key_file": str(pki / "server.key"),
                   "client_ca_file": str(pki / "ca.pem")}}
    c = otelcol(grpc=dict(tls), http=dict(tls))
    authority = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(pki / "ca.pem")}
    pair = {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(pki / "client.pem"),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(pki / "client.key")}
    r = export(c, protocol, 600, "patient=1", scheme="https", **authority, **pair)
    assert r.lost == 0 and r.lines == [] and len(c.spans()) == 600
    assert export(c, protocol, 3, scheme="https", AUTOTRACE_EXIT_TIMEOUT="500", **authority).lost == 3
    assert len(c.spans()) == 600


def test_tls(otelcol, pki):
    c = otelcol(grpc={"tls": {"cert_file": str(pki / "server.pem"), "key_file": str(pki / "server.key")}})
    r = export(c, "grpc", 600, "patient=1", scheme="https", OTEL_EXPORTER_OTLP_CERTIFICATE=str(pki / "ca.pem"))
    assert r.lost == 0 and r.lines == [] and len(c.spans()) == 600


def test_too_large_for_it(otelcol):
    """Its limit: it ends the stream before it has read all, and every span is counted."""
    c = otelcol(grpc={"max_recv_msg_size_mib": 1})
    r = export(c, "grpc", 1500, "attr=" + "x" * 1000, "flush=5000", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="1500")
    assert r.drop_export_failed > 0 and r.spans_exported == len(c.spans())
    r.check_sums()
    assert export(c, "grpc", 5).lost == 0 and len(c.spans()) == r.spans_exported + 5


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def test_a_traced_program(otelcol):
    """curl under the preload: its span goes out over gRPC while it ends."""
    c = otelcol(grpc={})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "AUTOTRACE_"))}
    env["no_proxy"] = "127.0.0.1"
    for i in range(3):
        done = subprocess.run(
            ["curl", "-sS", f"http://127.0.0.1:{server.server_port}/x/{i}"], timeout=20, capture_output=True, text=True,
            env={**env, "LD_PRELOAD": str(BUILD / "libautotrace.so"), "OTEL_SERVICE_NAME": "caller",
                 "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "AUTOTRACE_EXIT_TIMEOUT": "10000",
                 "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{c.ports['grpc']}"})  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
    server.shutdown()
    server.server_close()
    deadline = time.monotonic() + 5
    while len(c.spans()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    spans = c.spans()
    assert [s["attributes"]["url.full"].split("/")[-1] for s in spans] == ["0", "1", "2"]
    assert {s["kind"] for s in spans} == {3} and {s["resource"]["service.name"] for s in spans} == {"caller"}
