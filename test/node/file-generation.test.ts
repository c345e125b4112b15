import { describe, expect, it } from 'vitest';
import { type Generation, makeGeneration, raisedGeneration } from '../../src/base/generation.ts';
import { asDiskId, asIndex, asNodeId } from '../../src/base/ids.ts';
import { FileGeneration } from '../../src/node/file-generation.ts';
import { encodeConfiguration } from '../../src/raft/configuration-codec.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { aFollower, anAppend } from '../raft/builders.ts';

const configurationWith = (generation?: Generation) => {
  const own = { node: asNodeId(1), disk: asDiskId(101) };
  return configurationOf({
    voters: [asNodeId(1), asNodeId(2)],
    disks: [generation === undefined ? own : { ...own, generation }],
  });
};

/** Node 1's state: its disk is recorded in this generation, if any. */
const knowing = (generation?: Generation) => aFollower({ disk: 101, configuration: configurationWith(generation) }).view;

function aGeneration(current: Generation) {
  const written: Generation[] = [];
  const raised: Generation[] = [];
  const generation = new FileGeneration({ current, write: (next) => written.push(next), onRaised: (next) => raised.push(next) });
  return { generation, written, raised };
}

const OPENED = makeGeneration(5, 7);
const RAISED = raisedGeneration(OPENED);

/** A generation that was raised when its life was recorded. */
function aRaisedGeneration() {
  const made = aGeneration(OPENED);
  made.generation.onWritten(made.generation.next(knowing(OPENED), false));
  expect(made.raised).toEqual([RAISED]);
  return made;
}

describe('the generation of a node’s file is raised', () => {
  it('once its life is recorded, whatever is written', () => {
    const { generation } = aGeneration(OPENED);
    expect(generation.next(knowing(), true)).toBeUndefined();
    expect(generation.next(knowing(makeGeneration(4, 6)), true)).toBeUndefined();
    expect(generation.next(knowing(OPENED), false)).toBe(RAISED);
  });

  it('not by an uncommitted record: the leader that wrote it may have been deposed', () => {
    const { generation } = aGeneration(OPENED);
    const follower = aFollower({ disk: 101, configuration: configurationWith() });
    const data = encodeConfiguration(configurationWith(OPENED));
    const record = { index: asIndex(1), term: follower.view.term, kind: 'configuration', data } as const;
    follower.step({ ...anAppend({ from: 2, term: follower.view.term }), entries: [record] });
    expect(follower.view.configuration.disks).toMatchObject([{ generation: OPENED }]);
    expect(generation.next(follower.view, true)).toBeUndefined();
    follower.step(anAppend({ from: 2, term: follower.view.term, prev: record, commit: 1 }));
    expect(generation.next(follower.view, true)).toBe(RAISED);
  });

  it('by each checkpoint, if something was applied since', () => {
    const { generation } = aRaisedGeneration();
    expect(generation.next(knowing(RAISED), true)).toBeUndefined();
    generation.onApplied('command');
    expect(generation.next(knowing(RAISED), false)).toBeUndefined();
    const next = generation.next(knowing(RAISED), true);
    expect(next).toBe(raisedGeneration(RAISED));
    generation.onWritten(next);
    // The entry that records it does not cause the next one.
    generation.onApplied('configuration');
    expect(generation.next(knowing(RAISED), true)).toBeUndefined();
  });

  it('by a snapshot, which contains what others acknowledged', () => {
    const { generation, written, raised } = aRaisedGeneration();
    generation.onSnapshotInstalled(knowing(RAISED));
    expect(written).toEqual([raisedGeneration(RAISED)]);
    expect(raised.at(-1)).toEqual(raisedGeneration(RAISED));
    expect(generation.current).toBe(raisedGeneration(RAISED));
  });

  it('by a graceful stop, whatever was applied', () => {
    const { generation, written } = aGeneration(OPENED);
    generation.raiseAtEnd();
    expect(written).toEqual([RAISED]);
  });

  it('never for a file without a generation', () => {
    const { generation, written } = aGeneration(makeGeneration(0, 0));
    generation.onApplied('command');
    expect(generation.next(knowing(OPENED), true)).toBeUndefined();
    generation.raiseAtEnd();
    expect(written).toEqual([]);
  });
});
