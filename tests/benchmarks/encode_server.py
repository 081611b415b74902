"""Load `reid-track encode-server`: 16 clients ask for 8 crops each, again and again.

    python -m tests.benchmarks.encode_server [--encoder NAME] [--requests 1000] [--clients 16]

Prints the errors, the latencies, and crops a second beside those of the encoder alone, on the same
crops, decoded already, in a process of its own. Server and encoder take turns in five rounds, so
that what else the machine does slows both alike; the ratio is the median of the rounds. The
clients run on the same machine and take some of its time, as does decoding the JPEG files. On a
busy machine the ratio of the processor time of the two processes says more.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from reid_tracker.encode import build_encoder
from reid_tracker.types import ImageBGR

ROOT = Path(__file__).resolve().parents[2]
CROPS, ROUNDS, BOUNDARY = 8, 5, "0123456789abcdef"


def pictures(count: int) -> list[ImageBGR]:
    """Cut parts as large as people out of the demo clip."""
    clip = cv2.VideoCapture(str(ROOT / "demo" / "pedestrians.mp4"))
    _, frame = clip.read()
    random = np.random.default_rng(0)
    corners = random.integers(0, (frame.shape[0] - 160, frame.shape[1] - 70), (count, 2))
    return [np.asarray(frame[y : y + 160, x : x + 70], np.uint8) for y, x in corners]


def form(images: list[ImageBGR]) -> bytes:
    """Return the body of a request."""
    body = b""
    for image in images:
        head = 'Content-Disposition: form-data; name="crops"; filename="a.jpg"'
        jpeg = cv2.imencode(".jpg", image)[1].tobytes()
        body += f"--{BOUNDARY}\r\n{head}\r\nContent-Type: image/jpeg\r\n\r\n".encode() + jpeg
        body += b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def client(port: int, body: bytes, tickets: Iterator[int]) -> list[tuple[int, float]]:
    """Send a request for each ticket; return the status and the seconds of each."""
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Accept": "application/octet-stream",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    answers = []
    for _ in tickets:
        start = time.perf_counter()
        connection.request("POST", "/v1/crops", body, headers)
        answer = connection.getresponse()
        answer.read()
        answers.append((answer.status, time.perf_counter() - start))
    connection.close()
    return answers


def alone(encoder_name: str, images: list[ImageBGR], requests: int) -> None:
    """Encode batches of 8 crops, as many for each line of standard input; print the seconds."""
    encoder = build_encoder(encoder_name)
    encoder.encode_crops(images)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(requests):
            encoder.encode_crops(images)
        print(time.perf_counter() - start, flush=True)


def processor_s(pid: int) -> float:
    """Return the seconds that all threads of a process have run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Run the rounds; exit with 1 if a request failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", default="auto", help="default: auto")
    parser.add_argument("--requests", type=int, default=1000, help="in all rounds (default: 1000)")
    parser.add_argument("--clients", type=int, default=16, help="default: 16")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    images = pictures(CROPS)
    count = options.requests // ROUNDS
    if options.alone:
        alone(options.encoder, images, count)
        return 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m"]
    server = subprocess.Popen(
        [
            *(*words, "reid_tracker.cli.program", "encode-server", "--listen", "127.0.0.1:0"),
            *("--encoder", options.encoder),
        ],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    encoder = subprocess.Popen(
        [*words, "tests.benchmarks.encode_server", "--alone", *sys.argv[1:]],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    assert encoder.stdin is not None
    assert encoder.stdout is not None
    said = server.stderr.readline()
    port = int(re.findall(r":(\d+);", said)[0])
    encoder.stdout.readline()
    body = form(images)
    client(port, body, iter(range(3)))
    answers: list[tuple[int, float]] = []
    ratios, speeds = [], []
    both = (encoder.pid, server.pid)
    before = [processor_s(pid) for pid in both]
    with ThreadPoolExecutor(options.clients) as pool:
        for _ in range(ROUNDS):
            start, tickets = time.perf_counter(), iter(range(count))
            sent = [pool.submit(client, port, body, tickets) for _ in range(options.clients)]
            for one in sent:
                answers += one.result()
            served_s = time.perf_counter() - start
            encoder.stdin.write("\n")
            encoder.stdin.flush()
            alone_s = float(encoder.stdout.readline())
            ratios.append(alone_s / served_s)
            speeds.append((count * CROPS / served_s, count * CROPS / alone_s))
    by_encoder_s, by_server_s = (processor_s(pid) - b for pid, b in zip(both, before, strict=True))
    encoder.stdin.close()
    encoder.wait(60)
    server.send_signal(signal.SIGTERM)
    server.wait(60)
    errors = sum(status != 200 for status, _ in answers)
    seconds = np.array([seconds for _, seconds in answers])
    p50, p99 = np.percentile(seconds, (50, 99)) * 1000
    served, by_itself = np.median(speeds, axis=0)
    print(said.strip())
    print(
        f"{len(answers)} requests of {CROPS} crops from {options.clients} clients: {errors} errors"
    )
    print(f"latency: median {p50:.0f} ms, p99 {p99:.0f} ms")
    print(f"crops a second: {served:.0f} served, {by_itself:.0f} by the encoder alone")
    print(f"throughput against the encoder alone: {np.median(ratios):.2f}")
    print(
        f"processor time of the encoder alone against the server: {by_encoder_s / by_server_s:.2f}"
    )
    return int(errors > 0)


if __name__ == "__main__":
    sys.exit(main())
