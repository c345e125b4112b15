"""A client of a jobraft cluster, made from proto/jobraft.proto alone. docs/clients.md explains each step."""

import threading
import time

import grpc
import jobraft_pb2 as pb
import jobraft_pb2_grpc as rpc

# How long one attempt of a call may take, in seconds; the call is then repeated at the next node.
ATTEMPT_S = 5
PAUSE_S = 0.1
CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", -1),
]


class CallFailed(Exception):
    """A call has failed for good, or was repeated in vain until its time was over."""

    def __init__(self, error: grpc.RpcError):
        trailing = {key: value for key, value in error.trailing_metadata() or ()}
        self.status = error.code()
        # Stable, such as LEASE_LOST; empty if no node has replied.
        self.code = trailing.get("jobraft-code", "")
        # With "not-applied" this attempt had no effect.
        self.outcome = trailing.get("jobraft-outcome", "unknown")
        super().__init__(f"{self.status.name} {self.code}: {error.details()}")

    @property
    def may_be_repeated(self) -> bool:
        """An election, a node that ended, a node that has too much to do."""
        return self.status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED) or self.code in ("", "OVERLOADED")


class Client:
    """Any node takes calls, and forwards them to the leader. After a call that fails, the next node is asked."""

    def __init__(self, endpoints, credentials=None):
        open_channel = grpc.insecure_channel if credentials is None else lambda *args: grpc.secure_channel(args[0], credentials, args[1])
        self._channels = [open_channel(endpoint, CHANNEL) for endpoint in endpoints]
        self._stubs = [rpc.JobsStub(channel) for channel in self._channels]
        self._next = 0

    def call(self, method, request, within_s=60, wait_s=0):
        """Repeats the call at one node after another. Without a request_id that is safe for reads only."""
        until = time.monotonic() + within_s
        while True:
            at = self._next
            try:
                return getattr(self._stubs[at], method)(request, timeout=wait_s + ATTEMPT_S)
            except grpc.RpcError as error:
                failed = CallFailed(error)
                if not failed.may_be_repeated or time.monotonic() > until:
                    raise failed from None
            self._next = (at + 1) % len(self._stubs)
            time.sleep(PAUSE_S)

    def close(self):
        for channel in self._channels:
            channel.close()


class Session:
    """Numbers calls, so that each takes effect once, however often it is repeated. Threads may share it."""

    def __init__(self, client: Client):
        self._client = client
        self._session = client.call("OpenSession", pb.OpenSessionRequest()).session
        self._lock = threading.Lock()
        self._sequence = 0
        self._open = set()

    def call(self, method, request, within_s=60, wait_s=0):
        with self._lock:
            self._sequence += 1
            sequence = self._sequence
            self._open.add(sequence)
            below = min(self._open)
        request.request_id.CopyFrom(pb.RequestId(session=self._session, sequence=sequence, acknowledged_below=below))
        try:
            return self._client.call(method, request, within_s, wait_s)
        finally:
            with self._lock:
                self._open.discard(sequence)
