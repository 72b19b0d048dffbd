"""Fixtures of the end-to-end tests: see rig.py."""

import subprocess

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


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """Two authorities, and certificates for a server on loopback and for a client by the first."""
    d = tmp_path_factory.mktemp("pki")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=d, check=True, capture_output=True)

    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{ca}.key", "-out", f"{ca}.pem",
                "-days", "2", "-subj", f"/CN=test {ca}", "-addext", "basicConstraints=critical,CA:TRUE")
    for who in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{who}.key", "-out", f"{who}.csr",
                "-subj", f"/CN={who}")
        (d / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("x509", "-req", "-in", f"{who}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{who}.pem", "-days", "2", "-extfile", "san")
    return d
