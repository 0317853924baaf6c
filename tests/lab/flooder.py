"""
Knocks at a master as fast as one connection takes it, without waiting for answers.

It is run on a node of the lab: ``python - ADDRESS SECONDS``; prints how many knocks were sent, and
how many were answered.
"""

import sys
import time
import uuid

import salt.crypt
import salt.payload
import zmq

address, seconds = sys.argv[1], float(sys.argv[2])
_, public = salt.crypt.gen_keys(2048)
knocks = zmq.Context().socket(zmq.DEALER)
knocks.linger = 0
knocks.connect(f"tcp://{address}:4506")
sent = answered = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    ready = knocks.poll(100, zmq.POLLIN | zmq.POLLOUT)
    if ready & zmq.POLLIN:
        knocks.recv_multipart()
        answered += 1
    if ready & zmq.POLLOUT:
        load = {
            "cmd": "_auth",
            "id": f"flood-{sent}",
            "pub": public,
            "nonce": uuid.uuid4().hex,
            "enc_algo": "OAEP-SHA1",
            "sig_algo": "PKCS1v15-SHA1",
        }
        request = {"enc": "clear", "load": load, "version": 3}
        knocks.send_multipart([b"", salt.payload.dumps(request)])
        sent += 1
print(sent, answered)
