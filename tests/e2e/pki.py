"""Certificates for the tests, made by openssl: an authority, a server's, a client's, and an authority nobody knows."""

import subprocess

from rig import program


class Pki:
    """Paths in one directory: .ca, .cert and .key of a server for localhost, .client and .client_key, .stranger."""

    def __init__(self, directory):
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
        self.directory = directory
        self.ca, self.stranger = self.authority("ca"), self.authority("stranger")
        self.cert, self.key = self.issue("server", "subjectAltName=DNS:localhost,DNS:other.test,IP:127.0.0.1")
        self.client, self.client_key = self.issue("client", "extendedKeyUsage=clientAuth")
        self.both = directory / "both.pem"
        self.both.write_bytes(self.cert.read_bytes() + self.key.read_bytes())

    def openssl(self, *args):
        command = [program("openssl"), *map(str, args)]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".pem",
                     "-days", 30, "-subj", "/CN=" + name)  # fmt: skip
        return self.directory / (name + ".pem")

    def issue(self, name, extension):
        (self.directory / (name + ".ext")).write_text(extension + "\n")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
                     "-subj", "/CN=" + name)  # fmt: skip
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", 30, "-extfile", name + ".ext", "-out", name + ".pem")  # fmt: skip
        (self.directory / (name + ".key")).chmod(0o644)
        return self.directory / (name + ".pem"), self.directory / (name + ".key")
