"""Clients that ask a web server without pause: load.py URL STOP_FILE. Prints failed requests when STOP_FILE appears.

Half of the clients open a connection for each request, half keep theirs and open it anew when the server closes it
between two requests (which it may at any time). A request fails when its answer is not 200 and complete.
"""

import http.client
import os
import sys
import threading
from urllib.parse import urlsplit

CLIENTS = 6


class Client(threading.Thread):
    def __init__(self, url, stop, keep):
        super().__init__()
        self.url, self.stop, self.keep = url, stop, keep
        self.good, self.faults = 0, []

    def ask(self, connection):
        headers = {} if self.keep else {"Connection": "close"}
        connection.request("GET", self.url.path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or len(body) != int(answer.headers["Content-Length"]):
            raise http.client.HTTPException(f"status {answer.status}, {len(body)} bytes")
        self.good += 1

    def once(self, connection):
        """One request; a connection that the server closed while it was idle is opened anew."""
        used = connection.sock is not None
        try:
            self.ask(connection)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
            if not used:
                raise
            self.ask(connection)

    def run(self):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=20)
        while not os.path.exists(self.stop):
            try:
                self.once(connection)
            except (OSError, http.client.HTTPException) as fault:
                self.faults.append(f"{type(fault).__name__}: {fault}")
                connection.close()
            if not self.keep:
                connection.close()


def main():
    url, stop = urlsplit(sys.argv[1]), sys.argv[2]
    clients = [Client(url, stop, keep=n % 2 == 0) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    faults = [fault for client in clients for fault in client.faults]
    served = all(client.good > 10 for client in clients)
    print(f"every client was served: {served}\nfailed requests: {len(faults)} {sorted(set(faults)) or ''}")


if __name__ == "__main__":
    main()
