import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashOf, parseCommit } from '../../eval/upgrade/builds.ts';
import { nextNode } from '../../eval/upgrade/node-run.ts';
import { outcomeLine, type Replica, type RunFacts, rejectionIn, violationsOf } from '../../eval/upgrade/verdict.ts';

const replica = (node: number, changed: Partial<Replica> = {}): Replica => ({
  node,
  state: node === 1 ? 'leader' : 'follower',
  ...{ term: 4, leaderId: 1, applied: 90, content: 'a1b2c3d4e5' },
  ...changed,
});

const facts = (changed: Partial<RunFacts> = {}): RunFacts => ({
  acknowledged: ['1', '2'],
  // Job 3 was added by a call that had no reply.
  states: new Map(['1', '2', '3'].map((id) => [id, 'completed'])),
  replicas: [replica(1), replica(2), replica(3)],
  nodes: 3,
  faults: [],
  ...changed,
});

describe('the verdict of an upgrade', () => {
  it('is good if all is there, done and equal', () => {
    expect(violationsOf(facts())).toEqual([]);
    expect(outcomeLine('upgrade', facts(), undefined)).toBe(
      'upgrade: 2 adds acknowledged, 3 jobs completed, none lost; one leader, 3 equal replicas',
    );
  });

  it.each<[string, Partial<RunFacts>, string]>([
    ['a process ended by itself', { faults: ['Node 2 ended with SIGSEGV.'] }, 'Node 2 ended with SIGSEGV.'],
    ['no add was acknowledged', { acknowledged: [] }, 'No add was acknowledged.'],
    ['jobs are lost', { acknowledged: ['1', '7', '8'] }, '2 acknowledged jobs are lost: 7, 8.'],
    ['a job waits', { states: new Map([...facts().states, ['2', 'waiting']]) }, '1 jobs are not completed: 2 (waiting).'],
    ['a node does not reply', { replicas: [replica(1), replica(2)] }, '2 of 3 nodes reply.'],
    ['there is no leader', { replicas: [2, 3, 4].map((node) => replica(node)) }, '0 nodes lead'],
    ['there are two leaders', { replicas: [replica(1), replica(2, { state: 'leader' }), replica(3)] }, '2 nodes lead'],
    ['a node follows another one', { replicas: [replica(1), replica(2), replica(3, { leaderId: 2 })] }, 'The replicas differ'],
    ['a node is in another term', { replicas: [replica(1), replica(2), replica(3, { term: 3 })] }, 'The replicas differ'],
    ['a node lags', { replicas: [replica(1), replica(2), replica(3, { applied: 89 })] }, 'node 3 follower, term 4, leader 1, applied 89'],
    ['a node has other jobs', { replicas: [replica(1), replica(2), replica(3, { content: 'ff' })] }, 'content ff'],
  ])('is a violation if %s', (_case, changed, text) => {
    expect(violationsOf(facts(changed))).toEqual([expect.stringContaining(text)]);
    expect(outcomeLine('upgrade', facts(changed), undefined)).toMatch(/^upgrade: VIOLATED\n/);
  });

  it('says where the builds reject each other, which is a violation only with another one', () => {
    const rejection = rejectionIn('a warning\njobraft: STORAGE_SCHEMA: The file has schema 4. Start the release that wrote it.\n');
    expect(rejection).toEqual({
      ...{ code: 'STORAGE_SCHEMA', text: 'jobraft: STORAGE_SCHEMA: The file has schema 4. Start the release that wrote it.' },
    });
    expect(outcomeLine('downgrade', facts(), rejection)).toMatch(
      /equal replicas; .* \(STORAGE_SCHEMA\): jobraft: STORAGE_SCHEMA: The file/,
    );
    expect(outcomeLine('downgrade', facts({ faults: ['x'] }), rejection)).toBe('downgrade: VIOLATED\n  x');
  });

  it('finds the text of an error that is printed with its stack', () =>
    expect(
      rejectionIn("at file.js:7\nVersionError: Entry 2 is of version 6.\n    at f (x.js:1) {\n  code: 'VERSION_UNSUPPORTED'\n}"),
    ).toEqual({
      ...{ code: 'VERSION_UNSUPPORTED', text: 'VersionError: Entry 2 is of version 6.' },
    }));

  it.each(['', 'STORAGE_DAMAGED: Row 7 differs.', 'TypeError: x is not a function'])('does not take %j for a rejection', (text) =>
    expect(rejectionIn(text)).toBeUndefined(),
  );
});

describe('the commit of an upgrade', () => {
  it.each(['608fb38', 'v0.1.0', 'HEAD~2', 'feature/x', 'HEAD^', 'main@{1}'])('may be %s', (text) => expect(parseCommit(text)).toBe(text));
  it.each(['', '--force', '-q', 'a b', 'a;b', '$(x)'])('is not %j', (text) => expect(() => parseCommit(text)).toThrow('Give a commit'));
  it('is rejected if the repository does not have it', () => {
    const root = resolve(import.meta.dirname, '../..');
    expect(() => hashOf('no-such-commit', root)).toThrow('This repository has no commit "no-such-commit"');
  });
});

describe('the node that is replaced next', () => {
  it('is a follower, or the leader, as long as there is one', () => {
    expect(nextNode([1, 2, 3], 1, 'followers')).toBe(2);
    expect(nextNode([1], 1, 'followers')).toBe(1);
    expect(nextNode([1, 2, 3], 2, 'leader')).toBe(2);
    expect(nextNode([1, 3], 2, 'leader')).toBe(1);
    expect(nextNode([], 2, 'leader')).toBeUndefined();
  });
});
