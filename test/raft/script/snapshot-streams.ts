import type { EntryId, SnapshotId } from '../../../src/raft/entry.ts';
import { isSameEntry } from '../../../src/raft/entry.ts';
import type { InstallSnapshot, RaftMessage, SnapshotReply } from '../../../src/raft/message.ts';
import type { RaftCore } from '../../../src/raft/raft-core.ts';
import type { Disk } from '../disk.ts';
import { CommandError } from './arguments.ts';
import { idInWords } from './format.ts';

/** The nodes between which snapshots are streamed. */
interface StreamedNodes {
  core(id: number): RaftCore;
  disk(id: number): Disk;
  send(message: RaftMessage): void;
  say(line: string): void;
  persist(id: number): void;
  step(id: number, event: { readonly type: 'snapshot-installed'; readonly snapshot: SnapshotId }): void;
}

interface Outgoing {
  readonly from: number;
  readonly to: number;
  readonly snapshot: SnapshotId;
  readonly chunks: number;
  last: InstallSnapshot;
}

interface Staged {
  readonly snapshot: SnapshotId;
  nextChunk: number;
  isWhole: boolean;
}

/** The runtime's part of a snapshot transfer, as small as possible: which streams exist, and what is staged. Chunks carry no bytes here. */
export class SnapshotStreams {
  readonly #cluster: StreamedNodes;
  #outgoing: Outgoing[] = [];
  readonly #staged = new Map<number, Staged>();

  constructor(cluster: StreamedNodes) {
    this.#cluster = cluster;
  }

  /** Streams the current checkpoint of the sender's disk; an earlier stream to the same node is dropped. */
  begin(from: number, to: number, chunks: number): void {
    const { compacted, configuration } = this.#cluster.disk(from);
    if (compacted.index === 0) throw new CommandError(`Node ${from} has no checkpoint; "compact ${from} to=…" makes one.`);
    const snapshot: SnapshotId = { ...compacted, configuration };
    const stream: Outgoing = { from, to, snapshot, chunks, last: this.#chunk(from, to, snapshot, 0, chunks) };
    this.#outgoing = [...this.#outgoing.filter((each) => each.from !== from || each.to !== to), stream];
    this.#cluster.send(stream.last);
  }

  /** Sends the last chunk again, as the runtime does when no reply arrives. */
  resend(from: number, to: number): void {
    const stream = this.#outgoing.find((each) => each.from === from && each.to === to);
    if (stream === undefined) throw new CommandError(`Node ${from} streams nothing to ${to}.`);
    this.#cluster.send(stream.last);
  }

  onReply(reply: SnapshotReply): void {
    const stream = this.#outgoing.find(
      (each) => each.from === reply.to && each.to === reply.from && isSameEntry(each.snapshot, reply.snapshot),
    );
    if (stream === undefined || reply.nextChunk >= stream.chunks) return;
    stream.last = this.#chunk(stream.from, stream.to, stream.snapshot, reply.nextChunk, stream.chunks);
    this.#cluster.send(stream.last);
  }

  /** The reply to an unexpected chunk names the wanted one. */
  onChunk(id: number, message: InstallSnapshot): void {
    let staged = this.#staged.get(id);
    if (staged === undefined || !isSameEntry(staged.snapshot, message.snapshot)) {
      staged = { snapshot: message.snapshot, nextChunk: 0, isWhole: false };
      this.#staged.set(id, staged);
    }
    if (message.chunk === staged.nextChunk) {
      staged.nextChunk += 1;
      staged.isWhole = message.done;
    }
    if (staged.isWhole) {
      this.#cluster.say(`${id} has staged all of snapshot ${idInWords(staged.snapshot)}`);
      return;
    }
    const { term } = this.#cluster.core(id).view;
    const snapshot: EntryId = { index: message.snapshot.index, term: message.snapshot.term };
    this.#cluster.send({ type: 'snapshot-reply', from: message.to, to: message.from, term, snapshot, nextChunk: staged.nextChunk });
  }

  get whole(): number[] {
    return [...this.#staged].filter(([, { isWhole }]) => isWhole).map(([id]) => id);
  }

  /** The staged snapshot replaces log and state on the node's disk, unless the log has come that far meanwhile. */
  install(id: number): void {
    const staged = this.#staged.get(id);
    if (staged?.isWhole !== true) throw new CommandError(`Node ${id} has staged no whole snapshot.`);
    this.#staged.delete(id);
    const { snapshot } = staged;
    if (snapshot.index <= this.#cluster.core(id).view.commit) {
      this.#cluster.say(`${id} drops snapshot ${idInWords(snapshot)}: it has committed that far`);
      return;
    }
    this.#cluster.persist(id);
    const disk = this.#cluster.disk(id);
    disk.compacted = { index: snapshot.index, term: snapshot.term };
    disk.configuration = snapshot.configuration;
    disk.entries = [];
    this.#cluster.say(`${id} installs snapshot ${idInWords(snapshot)}`);
    this.#cluster.step(id, { type: 'snapshot-installed', snapshot });
  }

  /** Nothing of this survives a crash. */
  onCrash(id: number): void {
    this.#staged.delete(id);
    this.#outgoing = this.#outgoing.filter(({ from }) => from !== id);
  }

  #chunk(from: number, to: number, snapshot: SnapshotId, chunk: number, chunks: number): InstallSnapshot {
    const { id, term } = this.#cluster.core(from).view;
    const receiver = this.#cluster.core(to).view.id;
    return { type: 'install-snapshot', from: id, to: receiver, term, snapshot, chunk, done: chunk === chunks - 1, data: new Uint8Array(0) };
  }
}
