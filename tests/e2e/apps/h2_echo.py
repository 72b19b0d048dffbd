"""An HTTP/2 server, by the book (h2): answers each request with its header list, and writes down what came.

  h2_echo.py FILE    writes a line of JSON for each request: its stream, header list and body's length and sum
"""

import hashlib
import json
import socket
import sys
import threading

import h2.config
import h2.connection
import h2.events
import h2.settings


def serve(sock, out):
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    conn.initiate_connection()
    conn.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 200})
    sock.sendall(conn.data_to_send())
    streams = {}
    while True:
        data = sock.recv(65536)
        if not data:
            return
        for event in conn.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                streams[event.stream_id] = (event.headers, hashlib.sha256(), [0])
            elif isinstance(event, h2.events.DataReceived):
                streams[event.stream_id][1].update(event.data)
                streams[event.stream_id][2][0] += len(event.data)
                conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                headers, digest, n = streams.pop(event.stream_id)
                line = {"stream": event.stream_id, "headers": headers, "bytes": n[0], "sum": digest.hexdigest()}
                with open(out, "a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                conn.send_headers(event.stream_id, [(":status", "200"), ("x-stream", str(event.stream_id))])
                conn.send_data(event.stream_id, b"ok", end_stream=True)
        sock.sendall(conn.data_to_send())


def run(sock, out):
    try:
        serve(sock, out)
    except OSError:
        pass
    except Exception as error:  # what the protocol forbids
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps({"error": repr(error)}) + "\n")
    sock.close()


with socket.create_server(("127.0.0.1", 0)) as listener:
    print(f"listening on {listener.getsockname()[1]}", flush=True)
    while True:
        threading.Thread(target=run, args=(listener.accept()[0], sys.argv[1]), daemon=True).start()
