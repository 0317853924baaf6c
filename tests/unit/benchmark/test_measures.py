"""What is measured, and what the output of sysbench and iperf3 says."""

import json
import re
import subprocess

import pytest
from picloud.benchmark import measures

#: As sysbench 1.0.20 of Debian bookworm prints it, shortened.
CPU = """sysbench 1.0.20 (using system LuaJIT 2.1.0-beta3)

CPU speed:
    events per second:  2391.09

General statistics:
    total time:                          3.0003s
    total number of events:              7176
"""
MEMORY = """Total operations: 40961 (13648.53 per second)

40961.00 MiB transferred (13648.53 MiB/sec)
"""
PREPARE = """1 files, 65536Kb each, 64Mb total
Creating file test_file.0
67108864 bytes written in 0.57 seconds (112.55 MiB/sec).
"""
READ = """
File operations:
    reads/s:                      1523.31
    writes/s:                     0.00
    fsyncs/s:                     0.00

Throughput:
    read, MiB/s:                  23.80
    written, MiB/s:               0.00
"""
WRITES = READ.replace("1523.31", "0.00").replace("writes/s:                     0", "writes/s: 310")


def iperf(number):
    return json.dumps({"end": {"sum_sent": {}, "sum_received": {"bits_per_second": number}}})


def said(**sections):
    return "".join(f"== {name}\n{text}\n" for name, text in sections.items())


CARD = {"card_write": PREPARE, "card_read": READ, "card_reads": READ, "card_writes": WRITES}


@pytest.mark.parametrize(
    ("test", "text", "expected"),
    [
        ("cpu", said(cpu_one=CPU, cpu_all=CPU), {"cpu_one": [2391.09], "cpu_all": [2391.09]}),
        ("memory", said(memory=MEMORY) * 2, {"memory": [13648.53, 13648.53]}),
        (
            "card",
            said(**CARD),
            {
                "card_write": [112.55],
                "card_read": [23.8],
                "card_reads": [1523.31],
                "card_writes": [310.0],
            },
        ),
        (
            "network",
            said(network_out=iperf(94.5e6), network_in=iperf(9e9)),
            {"network_out": [94.5], "network_in": [9000.0]},
        ),
        ("containers", [1, 2.5], {"containers": [1.0, 2.5]}),
    ],
)
def test_the_numbers_are_found(test, text, expected):
    assert measures.samples(test, text) == expected


@pytest.mark.parametrize(
    ("test", "text", "reason"),
    [
        ("memory", said(memory="FATAL: out of memory"), "memory has no number: FATAL: out of mem"),
        ("memory", said(memory=""), "memory has no number: nothing was said"),
        ("memory", "", "there is no memory in what was measured"),
        ("memory", None, "there is no memory in what was measured"),
        ("cpu", said(cpu_one=CPU), "there is no cpu_all in what was measured"),
        ("cpu", said(memory=MEMORY), "there is no measure 'memory' in the test cpu"),
        ("memory", said(memory=MEMORY.replace("13648.53 MiB", "0.00 MiB")), "memory is 0 MiB/s"),
        ("network", said(network_out="{}", network_in="{}"), "network_out has no number: {}"),
        ("network", said(network_out=iperf(1e99)), "which cannot be"),
        ("network", said(network_out='{"end": []}'), "network_out has no number"),
        ("network", said(network_out="[]"), "network_out has no number: []"),
        (
            "network",
            said(network_out=iperf(1), network_in='{"end": {}, "error": "error - no route"}'),
            "network_in: iperf3 says: no route",
        ),
        ("containers", [], "no rate"),
        ("containers", [1.0, "x"], "no rate"),
        ("containers", [1.0, 0], "no rate"),
        ("containers", {"rate": 1}, "no rate"),
    ],
)
def test_what_is_no_result_says_why(test, text, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        measures.samples(test, text)


@pytest.mark.parametrize("test", [one for one in measures.TESTS if one != "containers"])
def test_a_script_measures_all_of_its_test_each_time(test):
    text = measures.script(test, 3, 16)
    names = [line.split()[-1].strip('"') for line in text.splitlines() if "== " in line]
    mine = [name for name, one in measures.MEASURES.items() if one.test == test]
    assert names == mine * 3
    assert subprocess.run(["sh", "-n", "-c", text], check=False).returncode == 0


def test_a_failed_program_fails_its_script():
    text = measures.script("memory", 2, 16)
    done = subprocess.run(
        ["sh", "-c", f"sysbench() {{ return 3; }}\n{text}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "== memory\n")


def test_a_neighbour_that_is_busy_is_asked_again(tmp_path):
    busy = json.dumps({"error": "the server is busy running a test. try again later"})
    iperf3 = f"""
        iperf3() {{
            echo x >> {tmp_path}/tries
            test $(wc -l < {tmp_path}/tries) -gt "$BUSY" && echo '{iperf(9e6)}' && return
            echo '{busy}'; return 1
        }}
        sleep() {{ :; }}
    """
    script = f"{iperf3}\n{measures.script('network', 1, 16)}"

    def run(times):
        (tmp_path / "tries").write_text("")
        asked = ["sh", "-c", script]
        return subprocess.run(
            asked,
            capture_output=True,
            text=True,
            check=True,
            env={"BUSY": str(times), "PATH": "/usr/bin:/bin"},
        ).stdout

    assert measures.samples("network", run(3)) == {"network_out": [9.0], "network_in": [9.0]}
    with pytest.raises(
        ValueError, match=r"^network_out: iperf3 says: the server is busy running a"
    ):
        measures.samples("network", run(99))


def test_a_missing_program_fails_the_network_with_its_reason():
    done = subprocess.run(
        [
            "sh",
            "-c",
            f"iperf3() {{ echo not found >&2; return 127; }}\n{measures.script('network', 1, 16)}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "not found\n")


def test_the_card_takes_no_more_than_was_asked_for():
    text = measures.script("card", 1, 16)
    assert text.count("prepare") == 1
    assert "--file-total-size=16M" in text
    small = next(line for line in text.splitlines() if "rndwr" in line)
    assert "--file-block-size=4K --events=1000" in small


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, list(measures.TESTS)), ("card, cpu", ["cpu", "card"]), ("network", ["network"])],
)
def test_tests_are_chosen_in_their_order(text, expected):
    assert measures.chosen(text) == expected


@pytest.mark.parametrize("text", ["disk,cpus", "", ","])
def test_every_test_that_there_is_not_is_named(text):
    with pytest.raises(ValueError, match="take some of cpu, memory, card") as err:
        measures.chosen(text)
    assert (text.replace(",", ", ").strip(", ") or "nothing") in str(err.value)
