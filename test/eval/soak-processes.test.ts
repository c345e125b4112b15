import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DeliveryLedger } from '../../eval/soak/processes/delivery-ledger.ts';
import { describeError, firstSentence } from '../../eval/soak/processes/error-text.ts';
import { processFaults } from '../../eval/soak/processes/faults.ts';
import { describeResult, type FaultResult } from '../../eval/soak/processes/run-faults.ts';
import { sharedFaults } from '../../eval/soak/processes/shared/shared-faults.ts';
import { SharedLoad } from '../../eval/soak/processes/shared/shared-load.ts';
import { SOCKET_CLIENTS, socketsOf } from '../../eval/soak/processes/shared/socket-clients.ts';
import { HandshakeError } from '../../src/base/errors.ts';
import { HostLostError } from '../../src/cluster/shared/errors.ts';
import { parseHello } from '../../src/cluster/shared/host-protocol.ts';
import { RemoteError } from '../../src/cluster/shared/remote-error.ts';
import { hostSocket, nodeSocket } from '../../src/cluster/shared/shared-folder.ts';
import { checkClientHello } from '../../src/transport/client-hello.ts';
import { CHANNEL_PROTOCOL } from '../../src/transport/handshake.ts';
import { SocketServer } from '../../src/transport/socket-server.ts';

describe('the ledger of a soak of processes', () => {
  it('counts what was acknowledged and is not completed as lost, once', () => {
    const ledger = new DeliveryLedger();
    for (const n of [1, 2, 3]) ledger.onAcknowledged(`job-${n}`, n);
    ledger.onCompleted(1, 'job-1');
    expect(ledger.endFault()).toMatchObject({ acknowledged: 3, lost: 2, duplicated: 0 });
    expect(ledger.endFault()).toMatchObject({ acknowledged: 0, lost: 0 });
  });

  it('does not wait for a completion that came before the acknowledgement', () => {
    const ledger = new DeliveryLedger();
    ledger.onCompleted(1, 'job-1');
    ledger.onAcknowledged('job-1', 0);
    expect(ledger.open).toBe(0);
    expect(ledger.endFault()).toMatchObject({ acknowledged: 1, lost: 0, duplicated: 0 });
  });

  it('counts a second completion of a job, also during a later fault, and a message in two jobs', () => {
    const ledger = new DeliveryLedger();
    ledger.onCompleted(1, 'job-1');
    ledger.onCompleted(1, 'job-1');
    expect(ledger.endFault().duplicated).toBe(1);
    ledger.onCompleted(1, 'job-1');
    ledger.onCompleted(2, 'job-2');
    ledger.onCompleted(2, 'job-3');
    expect(ledger.endFault().duplicated).toBe(2);
  });

  it('keeps what was certainly not applied apart from unknown outcomes', () => {
    const ledger = new DeliveryLedger();
    for (const outcome of ['not-applied', 'unknown', undefined]) ledger.onRejected(outcome);
    expect(ledger.endFault()).toMatchObject({ rejected: 1, unknown: 2 });
  });

  it('does not count what the cluster has as completed, and no process reported, as lost; a later completion is a second one', () => {
    const ledger = new DeliveryLedger();
    ledger.onAcknowledged('job-1', 0);
    expect(ledger.openJobs()).toEqual(['job-1']);
    ledger.onFoundCompleted('job-1');
    expect(ledger.openJobs()).toEqual([]);
    ledger.onCompleted(1, 'job-1');
    expect(ledger.endFault()).toMatchObject({ lost: 0, duplicated: 1 });
  });

  it('has the longest time between two acknowledgements of one fault', () => {
    const ledger = new DeliveryLedger();
    for (const [at, ms] of [100, 110, 400, 405].entries()) ledger.onAcknowledged(`a-${at}`, ms);
    expect(ledger.endFault().longestGapMs).toBe(290);
    for (const [at, ms] of [5_000, 5_010].entries()) ledger.onAcknowledged(`b-${at}`, ms);
    expect(ledger.endFault().longestGapMs).toBe(10);
  });

  it('has it also where several processes report theirs out of order', () => {
    const ledger = new DeliveryLedger();
    for (const [at, ms] of [100, 130, 120, 150].entries()) ledger.onAcknowledged(`a-${at}`, ms);
    expect(ledger.endFault().longestGapMs).toBe(30);
  });
});

describe('the line of a fault', () => {
  const result: FaultResult = {
    ...{ name: 'SIGKILL of the leader', times: 2 },
    counts: { acknowledged: 900, rejected: 0, unknown: 1, lost: 0, duplicated: 0, longestGapMs: 412.4 },
    ...{ elections: 2, detail: 'twice', isSkipped: false, failures: [] },
  };

  it('has its counts, and a line for each failure', () => {
    expect(describeResult(result)).toBe(
      'SIGKILL of the leader: 900 acknowledged, 0 lost, 0 duplicated, 0 rejected, 1 of unknown outcome; 2 elections, longest gap 412 ms (twice)',
    );
    expect(describeResult({ ...result, failures: ['Node 2 ended: exit code 1'] })).toMatch(
      /\(twice\)\n {2}FAILED: Node 2 ended: exit code 1$/,
    );
  });

  it('says why it was skipped', () => {
    expect(describeResult({ ...result, isSkipped: true, detail: 'no tmpfs' })).toBe('SIGKILL of the leader: skipped, no tmpfs');
  });

  it('names each fault once', () => {
    const names = [...processFaults(30), ...sharedFaults(30)].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('SIGKILL of each node in turn, 30 times');
    expect(names).toContain('SIGKILL of the host, 30 times');
  });
});

describe('the text of an error', () => {
  it('has its code, those of its causes, and the first sentence', () => {
    const cause = new HostLostError('not-applied');
    const error = new RemoteError('The call failed. Repeat it.', { cause });
    expect(describeError(error)).toBe('REMOTE_ERROR, HOST_LOST: The call failed');
    expect(describeError(new Error('One. Two.'))).toBe('One');
    expect(firstSentence('One. Two.')).toBe('One');
  });
});

describe('the load of several processes', () => {
  const load = () => new SharedLoad(() => [], 200, 3);

  it('has the times of acknowledgements in order, once', () => {
    const ours = load();
    for (const [at, atMs] of [3, 1, 2].entries()) ours.onReport({ type: 'acknowledged', job: `job-${at}`, atMs });
    expect(ours.takeAcknowledgedMs()).toEqual([1, 2, 3]);
    expect(ours.takeAcknowledgedMs()).toEqual([]);
  });

  it('counts what each process reports', () => {
    const ours = load();
    ours.onReport({ type: 'acknowledged', job: 'job-1', atMs: 0 });
    ours.onReport({ type: 'completed', message: 1, job: 'job-1' });
    ours.onReport({ type: 'rejected', outcome: 'not-applied' });
    ours.onReport({ type: 'error', text: 'first' });
    ours.onReport({ type: 'error', text: 'second' });
    expect(ours.ledger.endFault()).toMatchObject({ acknowledged: 1, lost: 0, rejected: 1 });
    expect(ours.takeError()).toBe('first');
  });

  it('is not drained when no process runs', async () => {
    expect(await load().drained(1)).toBe(false);
  });
});

describe('a client that misbehaves on a Unix socket', () => {
  it('knows the sockets of a folder, and the greeting that each of them accepts', () => {
    const [host, ...nodes] = socketsOf('folder', [1, 2]);
    expect(host?.path).toBe(hostSocket('folder'));
    expect(nodes.map(({ path }) => path)).toEqual([1, 2].map((node) => nodeSocket('folder', node)));
    expect(() => parseHello(host?.greeting)).not.toThrow();
    expect(() => checkClientHello(nodes[1]?.greeting, { protocol: CHANNEL_PROTOCOL, node: 2, cluster: 7 })).not.toThrow();
  });

  it('is closed by the other side', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-socket-'));
    const socket = { path: join(folder, 'a.sock'), greeting: { node: 1 } };
    using server = new SocketServer({
      ...{ path: socket.path, folder: 'test', frameBytesMax: 10_000, unsentBytesMax: 10_000 },
      onHello: (hello) => {
        if (JSON.stringify(hello) !== JSON.stringify(socket.greeting)) throw new HandshakeError('No.');
        return { welcome: 'yes', onFrame: () => undefined, onClosed: () => undefined };
      },
    });
    await server.listen();
    for (const text of [
      'a greeting of another program',
      'a frame that is to have 4 GiB',
      'a frame that is to have 4 GiB, after a greeting',
    ])
      expect(await SOCKET_CLIENTS.find(({ name }) => name.endsWith(text))?.behave(socket)).toBe('closed');
    rmSync(folder, { recursive: true });
  });
});
