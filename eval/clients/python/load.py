"""Adds, claims, extends and completes jobs until SIGTERM, then until no job is left, and records every call.

load.py <history file> <host:port,...> [<ca> <certificate> <key>]
"""

import json
import signal
import sys
import threading
import time

import grpc
import jobraft_pb2 as pb
from jobraft_client import CallFailed, Client, Session

QUEUE = "python"
PRODUCERS = 2
WORKERS = 3
ADD_PAUSE_S = 0.02
WORK_S = 0.01
LEASE_MS = 30_000
WAIT_MS = 2_000
STALLS_MAX = 10
KEEP = 1_000_000
CLAIM_MAX = 4
# A call of unknown outcome would be given up after this time.
CALL_S = 120


class History:
    """One JSON object a line, in the order of time: see "Histories" in test/README.md."""

    def __init__(self, path):
        self._file = open(path, "w", encoding="utf8")
        self._lock = threading.Lock()
        self._index = 0
        self._processes = 0
        self.counts = {}

    def new_process(self):
        with self._lock:
            self._processes += 1
            return self._processes

    def record(self, process, kind, function, value):
        with self._lock:
            event = {"process": process, "type": kind, "f": function, "value": value}
            event.update(time=time.monotonic_ns() // 1000, index=self._index)
            self._file.write(json.dumps(event) + "\n")
            self._index += 1
            self.counts[f"{function} {kind}"] = self.counts.get(f"{function} {kind}", 0) + 1

    def close(self):
        self._file.close()


class Recorder:
    """The calls of one thread: one after the other, so that they are one process of the history."""

    def __init__(self, history, session):
        self._history = history
        self._session = session
        self._process = history.new_process()

    def call(self, function, arguments, method, request, result_of, wait_s=0):
        """Returns the response, or None if the call was rejected, or its outcome stays unknown."""
        self._history.record(self._process, "invoke", function, arguments)
        try:
            response = self._session.call(method, request, CALL_S, wait_s)
        except CallFailed as failed:
            is_final = not failed.may_be_repeated and failed.outcome == "not-applied"
            self._history.record(self._process, "fail" if is_final else "info", function, {"error": failed.code or failed.status.name})
            print(f"{function} {arguments}: {failed}", file=sys.stderr, flush=True)
            if not is_final:
                self._process = self._history.new_process()
            return None
        self._history.record(self._process, "ok", function, result_of(response))
        return response


def produce(recorder, name, stopping, added):
    number = 0
    while not stopping.is_set():
        number += 1
        key = f"{name}-{number}"
        options = pb.JobOptions(attempts=3, keep_completed=KEEP, keep_failed=KEEP)
        request = pb.AddRequest(queue=QUEUE, name="job", data=pb.Payload(json=json.dumps({"key": key})), options=options)
        arguments = {"queue": QUEUE, "key": key, "attemptsMax": 3, "keepCompleted": KEEP, "keepFailed": KEEP}
        response = recorder.call("add", arguments, "Add", request, lambda reply: {"job": int(reply.id)})
        if response is not None:
            added.append(response.id)
        stopping.wait(ADD_PAUSE_S)


def claimed(job):
    fields = {"job": int(job.id), "token": job.token, "attempt": job.attempt, "isBegun": job.begun, "stalls": job.stalls}
    return {**fields, "key": json.loads(job.data.json)["key"]} if job.data.json else fields


def work(recorder, draining):
    claims = {"queue": QUEUE, "countMax": CLAIM_MAX, "leaseMs": LEASE_MS, "waitMs": WAIT_MS, "beginMax": CLAIM_MAX}
    while True:
        was_draining = draining.is_set()
        request = pb.ClaimRequest(queue=QUEUE, count_max=CLAIM_MAX, lease_ms=LEASE_MS, wait_ms=WAIT_MS, max_stalled_count=STALLS_MAX)
        result_of = lambda reply: {"jobs": [claimed(job) for job in reply.jobs]}
        arguments = {**claims, "stalledMax": STALLS_MAX, "holder": 0}
        response = recorder.call("claim", arguments, "Claim", request, result_of, WAIT_MS / 1000)
        if response is None:
            continue
        if was_draining and not response.jobs:
            return
        for job in response.jobs:
            lease = {"job": int(job.id), "token": job.token}
            time.sleep(WORK_S)
            request = pb.ExtendRequest(queue=QUEUE, id=job.id, token=job.token, lease_ms=LEASE_MS)
            recorder.call("extend", {**lease, "leaseMs": LEASE_MS}, "Extend", request, lambda reply: None)
            request = pb.CompleteRequest(queue=QUEUE, id=job.id, token=job.token, result=pb.Payload(json="true"))
            recorder.call("complete", lease, "Complete", request, lambda reply: None)


def rejects_a_stale_token(session):
    """A worker whose lease is over, and whose job another one has, must not complete it."""
    queue = "python-stale"
    session.call("Add", pb.AddRequest(queue=queue, name="job", options=pb.JobOptions(attempts=2)))
    claim = lambda lease_ms: session.call("Claim", pb.ClaimRequest(queue=queue, lease_ms=lease_ms, wait_ms=30_000), wait_s=30).jobs[0]
    complete = lambda job: session.call("Complete", pb.CompleteRequest(queue=queue, id=job.id, token=job.token))
    late = claim(1)
    current = claim(60_000)
    try:
        complete(late)
    except CallFailed as failed:
        if (failed.code, failed.outcome) != ("LEASE_LOST", "not-applied"):
            raise
    else:
        raise AssertionError("A completion with a stale token was accepted.")
    complete(current)
    assert late.token < current.token


def main(path, endpoints, *tls):
    read = lambda file: open(file, "rb").read()
    credentials = None
    if tls:
        ca, certificate, key = (read(file) for file in tls)
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    stopping, draining = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    history = History(path)
    client = Client(endpoints.split(","), credentials)
    rejects_a_stale_token(Session(client))
    session = Session(client)
    added = []
    producers = [threading.Thread(target=produce, args=(Recorder(history, session), f"p{n}", stopping, added)) for n in range(PRODUCERS)]
    # Claims that wait stay unanswered for long: in a session of their own they do not keep the replies to all later calls remembered.
    workers = [threading.Thread(target=work, args=(Recorder(history, Session(client)), draining)) for _ in range(WORKERS)]
    for thread in producers + workers:
        thread.start()
    print("runs", flush=True)
    for thread in producers:
        thread.join()
    draining.set()
    for thread in workers:
        thread.join()
    history.close()
    counts = client.call("GetCounts", pb.QueueRequest(queue=QUEUE))
    client.close()
    summary = {"added": len(added), "completed": counts.completed, "left": counts.waiting + counts.active + counts.delayed, "calls": history.counts}
    print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
