import { describe, expect, it } from 'vitest';
import { versionOfEntry } from '../../src/protocol/entry-data.ts';
import { claimOfVersion1, claimOptions, options } from '../queue/harness.ts';
import { NodeTable } from './node-table.ts';

const CLIENT_OF_VERSION_1 = 77;

/** Jobs added before, in a session that its client named, as in version 1. */
function addInVersion1(table: NodeTable): number {
  if (table.node(table.leader()).machine.sessions.size === 0) table.request(CLIENT_OF_VERSION_1, (to) => to.command('openSession', {}), 1);
  return table.add(CLIENT_OF_VERSION_1);
}

function claimInVersion1(table: NodeTable, leaseMs: number): void {
  const sequence = table.nextSequence();
  table.send(CLIENT_OF_VERSION_1, sequence, claimOfVersion1(CLIENT_OF_VERSION_1, sequence, leaseMs));
}

const stateOf = (table: NodeTable, id: number, job: number): string => {
  const { machine } = table.node(id);
  const counts = machine.counts('q');
  return `${machine.payloadOf(job) === undefined ? 'gone' : 'there'} ${JSON.stringify(counts)}`;
};

describe('the version of the state machine', () => {
  it('is the newest from the first entry on where all members have it', () => {
    const table = new NodeTable([2, 2, 2]);
    table.open();
    const { view } = table.node(table.leader());
    const commands = [1, 2, 3, 4, 5]
      .flatMap((index) => view.log.between(0 as never, index as never))
      .filter(({ kind }) => kind === 'command');
    expect(new Set(commands.map(({ data }) => versionOfEntry(data)))).toEqual(new Set([2]));
  });

  it('moves once the last member has it, and all replicas apply equal entries equally before, during and after', () => {
    const table = new NodeTable([1, 1, 1], { checkpointEntries: 7, tailEntries: 3 });
    const charged = addInVersion1(table);
    claimInVersion1(table, 100);
    table.pass(400);
    table.awaitEqual();
    // In version 1 the expired lease was the only attempt.
    expect(stateOf(table, 1, charged)).toContain('"failed":1');
    for (const id of [1, 2, 3]) {
      table.start(id, 2);
      if (id === 3) break;
      for (let count = 0; count < 5; count += 1) addInVersion1(table);
      claimInVersion1(table, 100_000);
      table.awaitEqual();
      expect(table.digests().size).toBe(1);
      expect(table.node(table.leader()).machine.version).toBe(1);
    }
    table.passUntil('the move', () => table.node(table.leader()).machine.version === 2);
    const client = table.open();
    table.add(client);
    table.request(client, (to) => to.claim('q', claimOptions(1, 100)));
    table.pass(400);
    table.awaitEqual();
    expect(table.node(1).machine.totals).toMatchObject({ stalled: 1 });
    expect(table.digests().size).toBe(1);
    // Replayed from its checkpoint, and from the entries of both versions after it.
    table.start(2, 2);
    table.awaitEqual();
    expect(table.digests().size).toBe(1);
    expect(table.node(2).machine.version).toBe(2);
  });

  it('is not lowered by a later leader, and waits for a member that is down', () => {
    const table = new NodeTable([2, 2, 1]);
    addInVersion1(table);
    table.isolated.add(3);
    table.pass(3_000);
    expect(table.node(table.leader()).machine.version).toBe(1);
    table.isolated.delete(3);
    table.start(3, 2);
    table.passUntil('the move', () => table.node(table.leader()).machine.version === 2);
    const former = table.leader();
    table.isolated.add(former);
    const next = table.leader();
    expect(next).not.toBe(former);
    table.open();
    expect(table.node(next).machine.version).toBe(2);
  });

  it('rejects operations that it does not have with the reason and the remedy', () => {
    const table = new NodeTable([1, 1, 1]);
    addInVersion1(table);
    expect(() => table.request(CLIENT_OF_VERSION_1, (to) => to.claim('q', claimOptions(1, 100)))).toThrow(/VERSION.*upgrade the others/s);
  });

  it('reports a payload that is too large, also beside operations that it does not have', () => {
    const table = new NodeTable([1, 1, 1], { payloadBytesMax: 100 });
    addInVersion1(table);
    const ask = () =>
      table.request(CLIENT_OF_VERSION_1, (to) => {
        to.claim('q', claimOptions(1, 100));
        to.add('q', new Uint8Array(101), options({ delayMs: 0 }));
      });
    expect(ask).toThrow(/"code":"TOO_LARGE".*"operations":\[1\].*101 bytes, 100 are allowed/);
  });

  it('reports an operation that is invalid in every version, even one that it does not have', () => {
    const table = new NodeTable([1, 1, 1]);
    addInVersion1(table);
    const ask = () => table.request(CLIENT_OF_VERSION_1, (to) => to.claim('q', claimOptions(0, 100)));
    expect(ask).toThrow(/"code":"INVALID_REQUEST".*asks for 0 jobs/);
  });

  it('rejects operations that only an earlier version had with the reason, too', () => {
    const table = new NodeTable([2, 2, 2]);
    table.open();
    expect(() => table.send(1, 2, claimOfVersion1(1, 2, 100))).toThrow(/VERSION.*same release of jobraft on clients and nodes/s);
  });

  it('ends a node that does not have it before anything is changed', () => {
    const table = new NodeTable([2, 2, 2]);
    table.open();
    const [follower = 0] = table.ids.filter((id) => id !== table.leader());
    expect(() => {
      table.start(follower, 1);
      table.pass(2_000);
    }).toThrow(/needs state-machine version 2, and this release of jobraft has up to 1.*Start the node with/s);
  });
});
