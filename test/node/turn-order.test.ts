import { describe, expect, it } from 'vitest';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import { clusterLimits } from '../../src/config/limits.ts';
import { NodeRuntime } from '../../src/node/node-runtime.ts';
import { PATTERN_TIMES } from '../../src/patterns/pattern-times.ts';
import { readServerFrames } from '../../src/protocol/client-frame.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { openJobQueue } from '../../src/queue/open-job-queue.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { raftConfig } from '../../src/raft/config.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';

const CLIENT = 77;
const CONNECTION = 1;

type TurnAction = 'persist' | 'reply' | 'peers';

/** Three nodes; the test delivers frames and controls the clock. */
class Table {
  nowMs = 0;
  readonly actions = new Map<number, TurnAction[]>();
  readonly runtimes: readonly NodeRuntime[];
  #frames: { readonly from: number; readonly to: number; readonly frame: Uint8Array }[] = [];

  constructor() {
    const ids = [1, 2, 3];
    const disks = ids.map((id) => ({ node: asNodeId(id), disk: asDiskId(id) }));
    const configuration = configurationOf({ voters: ids.map(asNodeId), disks });
    this.runtimes = ids.map((id) => {
      const actions: TurnAction[] = [];
      this.actions.set(id, actions);
      const storage = openMemoryStorage({ recordKinds: RECORD_KINDS, disk: new MemoryDisk(id) });
      const persist = storage.persist.bind(storage);
      storage.persist = (batch) => {
        actions.push('persist');
        persist(batch);
      };
      return new NodeRuntime({
        id: asNodeId(id),
        configuration,
        raft: raftConfig({}),
        limits: clusterLimits({}),
        machine: openJobQueue({ patternTimes: PATTERN_TIMES, limits: clusterLimits({}) }),
        seed: id,
        storage,
        clock: { monotonicMs: () => this.nowMs, wallMs: () => 1_700_000_000_000 + this.nowMs },
        outlet: {
          sendToPeer: (to, frame) => {
            actions.push('peers');
            this.#frames.push({ from: id, to, frame: frame.slice() });
          },
          sendToClient: (_connection, packet) => {
            if ([...readServerFrames(packet)].some((frame) => frame.type === 'reply')) actions.push('reply');
          },
        },
        observe: () => undefined,
      });
    });
  }

  node(id: number): NodeRuntime {
    return this.runtimes[id - 1] as NodeRuntime;
  }

  /** Delivers the frames in flight; the receivers take no turn yet. */
  deliver(): boolean {
    const frames = this.#frames;
    this.#frames = [];
    for (const { from, to, frame } of frames) this.node(to).receivePeerFrame(asNodeId(from), frame);
    return frames.length > 0;
  }

  settle(): void {
    for (let round = 0; round < 50 && this.deliver(); round += 1) for (const node of this.runtimes) node.turn();
  }

  electLeader(): number {
    for (let step = 0; step < 1_000; step += 1) {
      const leader = this.runtimes.findIndex(({ view }) => view.role === 'leader');
      if (leader >= 0) return leader + 1;
      this.nowMs += 10;
      for (const node of this.runtimes) if (node.nextDeadlineMs <= this.nowMs) node.turn();
      this.settle();
    }
    throw new Error('no leader was elected in ten simulated seconds');
  }

  request(leader: number, sequence: number): void {
    const encoder = new RequestEncoder();
    encoder.begin(CLIENT, sequence, 1);
    if (sequence === 1) encoder.command('openSession', {});
    encoder.command('counts', { queue: 'any' });
    this.node(leader).receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: encoder.finish() }));
  }
}

describe('a turn of a leader', () => {
  it('sends new entries to the others, then replies to what is committed, and then waits for its own disk', () => {
    const table = new Table();
    const leader = table.electLeader();
    table.settle();
    table.request(leader, 1);
    table.node(leader).turn();
    table.deliver();
    for (const node of table.runtimes) if (node !== table.node(leader)) node.turn();
    table.deliver();
    // The next turn reads the acknowledgements of the first request, and a second request that its own disk must write.
    table.request(leader, 2);
    const actions = table.actions.get(leader) ?? [];
    actions.length = 0;
    const runs = (): readonly TurnAction[] => actions.filter((action, at) => action !== actions[at - 1]);
    // An owner may let its channels send in between.
    table.node(leader).begin();
    expect(runs()).toEqual(['peers', 'reply']);
    table.node(leader).finish();
    expect(runs()).toEqual(['peers', 'reply', 'persist']);
  });
});

describe('a turn of a follower', () => {
  it('acknowledges only what is on its disk', () => {
    const table = new Table();
    const leader = table.electLeader();
    table.settle();
    table.request(leader, 1);
    table.node(leader).turn();
    table.deliver();
    const follower = leader === 1 ? 2 : 1;
    const actions = table.actions.get(follower) ?? [];
    actions.length = 0;
    table.node(follower).turn();
    expect(actions).toEqual(['persist', 'peers']);
  });
});
