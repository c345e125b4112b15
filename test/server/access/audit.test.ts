import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { AuditLog } from '../../../src/logs/audit-log.ts';
import { Audit } from '../../../src/server/access/audit.ts';
import type { Caller } from '../../../src/transport/grpc/caller.ts';

/** A call with a stream of replies. */
class StreamCall extends EventEmitter {
  readonly metadata = new Metadata();
  readonly request = {};
  peer = '127.0.0.1:50312';
  getPeer(): string {
    return this.peer;
  }
}

it.each([
  ['complete', (call: StreamCall) => void call.emit('finish'), 'done'],
  ['cancelled', (call: StreamCall) => void call.emit('cancelled'), 'CANCELLED'],
  ['rejected', (call: StreamCall) => void call.emit('error', { code: 10 }), 'ABORTED'],
])('a stream that is %s is written once, with who began it, although its connection is lost by then', (_how, end, outcome) => {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-audit-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'audit.log');
  let caller: Caller = { type: 'client', name: 'ops' };
  const log = new AuditLog(1, file);
  const audit = new Audit({ log, server: { callerOf: () => caller }, tokenOf: () => 'nightly' });
  const { Backup } = audit.ofCalls('Cluster', { Backup: () => undefined });
  const call = new StreamCall();
  Reflect.apply(Backup as () => void, undefined, [call]);
  caller = { type: 'unauthenticated', reason: 'The connection is closed.' };
  call.peer = 'unknown';
  end(call);
  call.emit('finish');
  log[Symbol.dispose]();
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { who: 'token nightly (client ops)', from: '127.0.0.1:50312', command: 'Backup', outcome },
  ]);
});
