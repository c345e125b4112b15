import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { asIndex, asNodeId, asTerm, ZERO_ENTRY } from '../../src/base/ids.ts';
import type { NodeEvent, Role } from '../../src/node/event.ts';
import type { RaftMessageType } from '../../src/raft/message.ts';

/** A folder that is gone after the test. */
export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-logs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The lines of a log as they are in the file now. */
export function linesOf(file: string): Record<string, unknown>[] {
  const text = readFileSync(file, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

export const started = (node: number): NodeEvent => ({
  type: 'started',
  node: asNodeId(node),
  atMs: 0,
  term: asTerm(0),
  last: ZERO_ENTRY,
  commit: asIndex(0),
});

export const timedOut = (node: number, term = 0, atMs = 1): NodeEvent => ({
  type: 'election-timeout',
  node: asNodeId(node),
  atMs,
  term: asTerm(term),
});

export const becomes = (node: number, role: Role, term = 1, atMs = 2): NodeEvent => ({
  type: 'role',
  node: asNodeId(node),
  atMs,
  term: asTerm(term),
  role,
  leader: role === 'leader' ? asNodeId(node) : undefined,
});

export const sends = (node: number, rpc: RaftMessageType, to: number, term = 1, atMs = 3): NodeEvent => ({
  type: 'rpc-sent',
  node: asNodeId(node),
  atMs,
  rpc,
  to: asNodeId(to),
  term: asTerm(term),
  entries: 0,
});
