"""A learner of a jobraft cluster, made from proto/raft.proto alone: a server that receives the log, and never votes.

learner.py <cluster name> <node> <host:port of its own> <host:port of a member,...> <log file> [<ca> <certificate> <key>]

It has its log in memory only: a leader counts no learner, so nothing depends on it. Each life therefore has another disk, and starts from nothing.
It prints a line of JSON when something has changed, and upon SIGTERM writes its log: index, term, kind and SHA-256 of each committed entry.
"""

import hashlib
import json
import random
import signal
import sys
import threading
import time
from concurrent import futures

import grpc
import jobraft_pb2
import jobraft_pb2_grpc
import raft_pb2 as pb
import raft_pb2_grpc as rpc

PROTOCOL = 1
CALL_S = 5
STREAMS_MAX = 64
KINDS = {pb.NOOP: "noop", pb.COMMAND: "command", pb.CONFIGURATION: "configuration"}


class Log:
    """The entries behind the snapshot, if there is one (Raft Figure 2, Figure 13)."""

    def __init__(self):
        self.base, self.base_term = 0, 0
        self.entries = []
        self.commit = 0

    @property
    def last(self):
        return self.base + len(self.entries)

    def term_at(self, index):
        """None if the log does not have the entry."""
        if index == self.base:
            return self.base_term
        return self.entries[index - self.base - 1].term if self.base < index <= self.last else None

    def hint(self, index, term):
        """The last entry at or before the index whose term is not later: there the logs may agree."""
        at = min(index, self.last)
        while at > self.base and self.term_at(at) > term:
            at -= 1
        return at, self.term_at(at)

    def append(self, prev, entries):
        """Deletes only from a conflict on (Raft §5.3): a late request must not shorten the log."""
        for at, entry in enumerate(entries, prev + 1):
            if at <= self.base:
                continue
            known = self.term_at(at)
            if known == entry.term:
                continue
            if known is not None:
                assert at > self.commit, f"entry {at} is committed, and the leader has another one"
                del self.entries[at - self.base - 1 :]
            self.entries.append(entry)

    def install(self, index, term):
        """Everything up to that entry is in the snapshot."""
        self.entries = self.entries[index - self.base :] if self.term_at(index) == term else []
        self.base, self.base_term = index, term
        self.commit = max(self.commit, index)


class Learner(rpc.RaftServicer):
    def __init__(self, cluster_name, node, address):
        self.lock = threading.Lock()
        self.cluster_name, self.node, self.address = cluster_name, node, address
        self.disk, self.life = random.randrange(1, 2**48), random.randrange(1, 2**48)
        self.cluster, self.founders, self.members = 0, [], []
        self.term, self.leader = 0, 0
        self.log = Log()
        self.leaders, self.snapshots = set(), 0
        self.started = time.monotonic()
        self._snapshot, self._chunk = None, 0

    # What every node says of itself before it is a member: in a folder that is new, without a cluster.

    def introduction(self):
        return pb.Introduction(
            protocol=PROTOCOL, cluster_name=self.cluster_name, node=self.node, disk=self.disk, nodes=self.members, cluster=self.cluster, founders=self.founders
        )

    def Introduce(self, request, context):
        return self.introduction()

    def AnnounceAddress(self, request, context):
        return pb.AnnounceAddressResponse()

    def AskToRebuild(self, request, context):
        return pb.AskToRebuildResponse(from_leader=False)

    def ListHolders(self, request, context):
        # It serves no clients.
        return pb.ListHoldersResponse(known_for_ms=int(1000 * (time.monotonic() - self.started)))

    # The handshake.

    def check(self, context, is_opening=False):
        said = {key: value for key, value in context.invocation_metadata()}
        expected = {"jobraft-protocol": PROTOCOL, "jobraft-cluster": self.cluster, "jobraft-to": self.node}
        if not is_opening:
            expected["jobraft-to-life"] = self.life
        for name, value in expected.items():
            if said.get(name) != str(value):
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{name} is {said.get(name)}, and not {value}.")
        return int(said["jobraft-from"])

    def Exchange(self, requests, context):
        self.check(context, is_opening=True)
        context.send_initial_metadata((("jobraft-disk", str(self.disk)), ("jobraft-generation", "0"), ("jobraft-life", str(self.life))))
        # Nothing in it concerns a learner; the channel lasts as long as this call.
        for _ in requests:
            pass
        return
        yield

    # Raft.

    def observe(self, term, leader):
        """Newer terms first (Raft §5.1). Returns whether the message is of the present term, and so of its leader."""
        if term < self.term:
            return False
        self.term, self.leader = term, leader
        self.leaders.add((term, leader))
        return True

    def AppendEntries(self, requests, context):
        sender = self.check(context)
        for request in requests:
            with self.lock:
                response = self.appended(request, sender)
            yield response

    def appended(self, request, sender):
        said = {"disk": self.disk, "round": request.round}
        if not self.observe(request.term, sender):
            return pb.AppendEntriesResponse(term=self.term, success=False, rejected_index=request.prev_log_index, **said)
        log, prev = self.log, request.prev_log_index
        end = prev + len(request.entries)
        if prev < log.commit:
            # Up to the commit index all logs are equal.
            log.append(prev, request.entries)
            end = max(end, log.commit)
        elif log.term_at(prev) != request.prev_log_term:
            index, term = log.hint(prev, request.prev_log_term)
            return pb.AppendEntriesResponse(term=self.term, success=False, rejected_index=prev, hint_index=index, hint_term=term, **said)
        else:
            log.append(prev, request.entries)
        log.commit = max(log.commit, min(request.leader_commit, end))
        return pb.AppendEntriesResponse(term=self.term, success=True, match_index=end, **said)

    def InstallSnapshot(self, requests, context):
        sender = self.check(context)
        for request in requests:
            with self.lock:
                response = self.installed(request, sender)
            yield response

    def installed(self, request, sender):
        snapshot = (request.last_included_index, request.last_included_term)
        if self.observe(request.term, sender):
            if snapshot != self._snapshot:
                self._snapshot, self._chunk = snapshot, 0
            if request.chunk == self._chunk:
                # The state itself is dropped: a learner that only keeps the log does not need it.
                self._chunk += 1
                if request.done and snapshot[0] > self.log.commit:
                    self.log.install(*snapshot)
                    self.snapshots += 1
        return pb.InstallSnapshotResponse(term=self.term, last_included_index=snapshot[0], last_included_term=snapshot[1], next_chunk=self._chunk)

    def RequestVote(self, request, context):
        with self.lock:
            return pb.RequestVoteResponse(term=self.term, vote_granted=False, pre_vote=request.pre_vote)

    def TimeoutNow(self, request, context):
        return pb.TimeoutNowResponse()

    def status(self):
        with self.lock:
            log = self.log
            return {
                **{"term": self.term, "leader": self.leader, "base": log.base, "last": log.last, "commit": log.commit},
                **{"leaders": len(self.leaders), "snapshots": self.snapshots},
            }

    def entries(self):
        """Committed entries."""
        with self.lock:
            log = self.log
            committed = log.entries[: log.commit - log.base]
            describe = lambda entry: {"term": entry.term, "kind": KINDS[entry.kind], "sha256": hashlib.sha256(entry.data).hexdigest()}
            return [{"index": index, **describe(entry)} for index, entry in enumerate(committed, log.base + 1)]


def until(ask):
    while True:
        try:
            return ask()
        except grpc.RpcError as error:
            print(error.details(), file=sys.stderr, flush=True)
            time.sleep(0.2)


def join(learner, seeds, open_channel):
    """Learns the cluster from a member, and is added as a learner. Any member takes the call, and it may be repeated."""
    channels = [open_channel(seed) for seed in seeds]

    def found():
        seed = random.choice(channels)
        said = rpc.RaftStub(seed).Introduce(learner.introduction(), timeout=CALL_S)
        if said.cluster == 0 or said.cluster_name != learner.cluster_name:
            raise SystemExit(f"The node belongs to cluster {said.cluster} of {said.cluster_name}.")
        learner.cluster, learner.founders, learner.members = said.cluster, list(said.founders), list(said.nodes)

    until(found)
    request = jobraft_pb2.AddMemberRequest(node=learner.node, address=learner.address, learner=True)
    until(lambda: jobraft_pb2_grpc.ClusterStub(random.choice(channels)).AddMember(request, timeout=30))
    for channel in channels:
        channel.close()


def main(cluster_name, node, address, seeds, log_file, *tls):
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    learner = Learner(cluster_name, int(node), address)
    server = grpc.server(futures.ThreadPoolExecutor(STREAMS_MAX), options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
    rpc.add_RaftServicer_to_server(learner, server)
    open_channel = grpc.insecure_channel
    if tls:
        # Of a node: its certificate names its id, and only nodes may call it.
        ca, certificate, key = (open(file, "rb").read() for file in tls)
        secured = grpc.ssl_server_credentials([(key, certificate)], ca, require_client_auth=True)
        port = server.add_secure_port(address, secured)
        open_channel = lambda seed: grpc.secure_channel(seed, grpc.ssl_channel_credentials(ca, key, certificate))
    else:
        port = server.add_insecure_port(address)
    if port == 0:
        raise SystemExit(f"{address} cannot be used.")
    server.start()
    join(learner, seeds.split(","), open_channel)
    print("joined", flush=True)
    last = None
    while not stopping.wait(0.1):
        now = learner.status()
        if now != last:
            last = now
            print(json.dumps(now), flush=True)
    with open(log_file, "w", encoding="utf8") as file:
        json.dump({"status": learner.status(), "entries": learner.entries()}, file)
    server.stop(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
