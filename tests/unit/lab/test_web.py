"""What ``make up`` builds and asks for the web service, and what it says without an answer."""

import http.server
import threading

import pytest
from picloud.cloud import build
from picloud.load import from_texts

from lab import description, web
from lab.errors import LabError
from lab.settings import Settings
from tests.unit.workloads.world import texts

PUBLISHED = {"publish": [{"published": 80, "target": 8080}]}


def cloud(**workloads):
    named = {name.replace("_", "-"): one for name, one in workloads.items()}
    return build(from_texts(texts({"r1": ["small"] * 3}, named)), fitting=False)


@pytest.fixture
def served():
    """Serve a page that fails at first; yield its address and the statuses to come."""
    statuses = [503, 200]

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()
            self.wfile.write(b"<h1>Hello</h1><p>Replica 1\n on pi1.</p>")

        def log_message(self, *_words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", statuses
        server.shutdown()


@pytest.mark.parametrize(
    "workloads", [{}, {"web": {}}, {"web_balancer": {}}, {"web": {}, "web_balancer": {}}]
)
def test_images_from_elsewhere_and_of_other_descriptions_are_not_built(workloads):
    assert web.images(cloud(**workloads)) == []


def test_the_images_of_the_shipped_description_are_built(repo):
    shipped = description.cloud_of(repo / "pillar" / "cloud")
    assert web.images(shipped) == ["web", "haproxy"]
    assert web.urls(shipped, {"pi0": "10.80.1.1", "pi1": "10.80.1.2"}) == [
        "http://10.80.1.1/",
        "http://10.80.1.2/",
    ]


@pytest.mark.parametrize(
    ("port", "addresses", "found"),
    [
        (80, {"n0": "10.0.0.1"}, ["http://10.0.0.1/"]),
        (
            8000,
            {"n0": "10.0.0.1", "n2": "10.0.0.3"},
            ["http://10.0.0.1:8000/", "http://10.0.0.3:8000/"],
        ),
        # n0 leads the swarm: without it there is none.
        (80, {"n1": "10.0.0.2"}, []),
        (80, {}, []),
    ],
)
def test_any_running_node_may_have_the_balancer(port, addresses, found):
    balancer = {"publish": [{"published": port}]}
    assert web.urls(cloud(web={}, web_balancer=balancer), addresses) == found


def test_without_a_balancer_nothing_is_asked():
    assert web.urls(cloud(web=PUBLISHED), {"n0": "10.0.0.1"}) == []
    assert web.urls(cloud(web={}, web_balancer={}), {"n0": "10.0.0.1"}) == []


def test_it_is_asked_until_it_answers(served):
    url, _ = served
    assert web.ask(["http://127.0.0.1:1/", url], 20) == f"{url} Hello Replica 1 on pi1."


def test_an_answer_that_does_not_come_is_an_error_with_the_last_one(served):
    url, statuses = served
    statuses[:] = [503]
    with pytest.raises(LabError) as caught:
        web.ask([url], 0)
    assert "does not answer after 0 s" in caught.value.what
    assert "Service Unavailable" in caught.value.what
    assert "workload.status" in caught.value.remedy


@pytest.mark.parametrize("text", [None, "", "[]", '{"made_from": "x"}'])
def test_without_notes_nothing_was_built(tmp_path, monkeypatch, text):
    monkeypatch.setattr(Settings, "state", tmp_path)
    if text is not None:
        (tmp_path / "web.json").write_text(text)
    assert web.built(Settings("lab", tmp_path, tmp_path)) == ""


def test_other_images_make_another_digest_until_they_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(Settings, "state", tmp_path)
    settings = Settings("lab", tmp_path, tmp_path)
    digests = []
    for number in (1, 2):
        (tmp_path / "web.json").write_text(f'{{"images": {{"web": "sha256:{number}"}}}}')
        digests.append(web.built(settings))
    assert len(set(digests) - {""}) == 2
    web.forget(settings)
    assert web.built(settings) == ""
