"""Certificates, good and bad, made by openssl. Feeds receiver.py with contexts and the program with its authority."""

import ssl
import subprocess

from process import Trouble, tool

SUBJECTS = {
    # name: (authority, subjectAltName, from, to): dates as openssl's ca has them
    "good": ("ca", "IP:127.0.0.1,DNS:localhost", None, None),
    "expired": ("ca", "IP:127.0.0.1,DNS:localhost", "20200101000000Z", "20200201000000Z"),
    "wrong name": ("ca", "DNS:elsewhere.example", None, None),
    "untrusted": ("stranger", "IP:127.0.0.1,DNS:localhost", None, None),
}
CONFIGURATION = """
[ca]
default_ca = here
[here]
database = index
new_certs_dir = .
default_md = sha256
default_days = 2
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
[extensions]
subjectAltName = %s
"""


class Pki:
    """authority: the file the program is told to trust; contexts: what a server with each certificate speaks."""

    def __init__(self, place):
        self._root = place.directory("pki")
        self.authority = self._root / "ca.pem"
        self.contexts = {}
        for name in ("ca", "stranger"):
            self._openssl(
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self._root / f"{name}.key",
                "-out", self._root / f"{name}.pem", "-days", "2", "-subj", f"/CN=faults {name}",
                "-addext", "basicConstraints=critical,CA:TRUE",
            )  # fmt: skip
        for name, row in SUBJECTS.items():
            self._sign(name.replace(" ", "-"), *row)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            base = self._root / name.replace(" ", "-")
            context.load_cert_chain(base.with_suffix(".pem"), base.with_suffix(".key"))
            self.contexts[name] = context

    def _openssl(self, *args):
        command = [str(c) for c in (tool("openssl"), *args)]
        done = subprocess.run(command, cwd=self._root, capture_output=True, check=False, timeout=60)
        if done.returncode:
            raise Trouble(f"openssl {args[0]}: {done.stderr.decode(errors='replace')[-2000:]}")

    def _sign(self, name, authority, names, begin, end):
        base = self._root / name
        self._openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-keyout", base.with_suffix(".key"),
            "-out", base.with_suffix(".csr"), "-subj", f"/CN={name}",
        )  # fmt: skip
        (self._root / "index").write_text("")
        (self._root / f"{name}.cnf").write_text(CONFIGURATION % names)
        dates = ["-startdate", begin, "-enddate", end] if begin else []
        self._openssl(
            "ca", "-batch", "-config", f"{name}.cnf", "-extensions", "extensions", "-notext",
            "-cert", f"{authority}.pem", "-keyfile", f"{authority}.key",
            "-in", base.with_suffix(".csr"), "-out", base.with_suffix(".pem"), *dates,
        )  # fmt: skip
