"""What tests of programs on loopback share."""

import socket
import time
import urllib.error
import urllib.request

#: Without the proxies of this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(true, seconds=30, what=None):
    """Wait until a function gives something true, and return it; else say what did not come."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"not within {seconds} s: {what or true}"
        time.sleep(0.05)
    return found


def free_port():
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, data=None, **headers):
    """The status, the type and the text of an answer; status 0 where nobody listens."""
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    request = urllib.request.Request(url, data, names)
    try:
        with DIRECT.open(request, timeout=300) as reply:
            return reply.status, reply.headers.get_content_type(), reply.read().decode()
    except urllib.error.HTTPError as err:
        return err.code, err.headers.get_content_type(), err.read().decode()
    except urllib.error.URLError:
        return 0, "", ""
