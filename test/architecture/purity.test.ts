import { describe, expect, it } from 'vitest';
import { isPure, purityViolations } from './purity.ts';
import { readSources } from './source-file.ts';

const faults = (...lines: string[]): string[] => purityViolations(new Map([['src/raft/x.ts', lines.join('\n')]]));

describe('raft, queue, node, base, delivery and the frame codecs', () => {
  const pure = new Map([...readSources('src')].filter(([path]) => isPure(path)));

  it('were read', () => {
    for (const path of [
      'src/raft/message.ts',
      'src/protocol/request-reader.ts',
      'src/node/event.ts',
      'src/base/bytes.ts',
      'src/protocol/client-frame.ts',
      'src/client/delivery/dispatcher.ts',
    ]) {
      expect(pure.has(path), path).toBe(true);
    }
    expect(pure.has('src/transport/port-links.ts')).toBe(false);
    expect(pure.has('src/client/delivery/real-time.ts')).toBe(false);
  });
  it('use no clock, randomness, runtime or asynchrony', () => expect(purityViolations(pure)).toEqual([]));
});

describe('the purity checker', () => {
  it.each([
    ["import { readFileSync } from 'node:fs';", 'imports node:fs'],
    ["import { z } from 'zod';", 'imports zod'],
    ['const now = Date.now();', 'uses Date'],
    ['const now = new Date();', 'uses Date'],
    ['const now = performance.now();', 'uses performance'],
    ['const luck = Math.random();', 'uses Math.random'],
    ['const { random } = Math;', 'uses Math.random'],
    ["const luck = Math['random']();", 'uses Math.random'],
    ['setTimeout(() => {}, 1);', 'uses setTimeout'],
    ['const timer = setInterval;', 'uses setInterval'],
    ['queueMicrotask(run);', 'uses queueMicrotask'],
    ['process.exit(1);', 'uses process'],
    ['const later = { process };', 'uses process'],
    ['let later: Promise<void>;', 'uses Promise'],
    ['const bytes = Buffer.alloc(1);', 'uses Buffer'],
    ['globalThis.x = 1;', 'uses globalThis'],
    ['const run = async () => 1;', 'is asynchronous'],
    ['class A { async run() {} }', 'is asynchronous'],
    ['export async function* run() { for await (const x of y) x; }', 'is asynchronous'],
  ])('names what is wrong with %s', (line, message) => {
    expect(faults('// first line', line)[0]).toContain(`src/raft/x.ts:2: ${message}`);
  });

  it.each([
    'const most = Math.max(1, 2);',
    'const options = { process: 1, Date: 2 };',
    'job.process(1); view.Date; clock.performance;',
    'interface A { process(): void; readonly Promise: number }',
    "const text = 'Date.now() and process';",
    '// Math.random() is not for us',
    "import { step } from './step.ts';",
  ])('lets %s pass', (line) => expect(faults(line)).toEqual([]));

  it('says what to do instead', () => expect(faults('setTimeout(run, 5);')).toEqual([expect.stringContaining('Return the next deadline')]));
});
