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

/** What node 1 knows of itself: that its disk is on record in this generation, if in any. */
const knowing = (generation?: Generation) => aFollower({ disk: 101, configuration: configurationWith(generation) }).view;

function aGeneration(current: Generation) {
  const written: Generation[] = [];
  const raised: Generation[] = [];
  const generation = new FileGeneration({ current, write: (next) => written.push(next), onRaised: (next) => raised.push(next) });
  return { generation, written, raised };
}

const OPENED = makeGeneration(5, 7);
const RAISED = raisedGeneration(OPENED);

/** One that was raised when its life was recorded. */
function aRaisedGeneration() {
  const made = aGeneration(OPENED);
  made.generation.onWritten(made.generation.next(knowing(OPENED), false));
  expect(made.raised).toEqual([RAISED]);
  return made;
}

describe('the generation of a node’s file is raised', () => {
  it('once its life is on record, whatever is written', () => {
    const { generation } = aGeneration(OPENED);
    expect(generation.next(knowing(), true)).toBeUndefined();
    expect(generation.next(knowing(makeGeneration(4, 6)), true)).toBeUndefined();
    expect(generation.next(knowing(OPENED), false)).toBe(RAISED);
  });

  it('not by a record that is not committed: the leader that wrote it may have been deposed', () => {
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

  it('by checkpoints, each for what was applied since', () => {
    const { generation } = aRaisedGeneration();
    expect(generation.next(knowing(RAISED), true)).toBeUndefined();
    generation.onApplied('command');
    expect(generation.next(knowing(RAISED), false)).toBeUndefined();
    const next = generation.next(knowing(RAISED), true);
    expect(next).toBe(raisedGeneration(RAISED));
    generation.onWritten(next);
    // The entry that records it is no reason for the next.
    generation.onApplied('configuration');
    expect(generation.next(knowing(RAISED), true)).toBeUndefined();
  });

  it('by a snapshot, which brings what others acknowledged', () => {
    const { generation, written, raised } = aRaisedGeneration();
    generation.onSnapshotInstalled(knowing(RAISED));
    expect(written).toEqual([raisedGeneration(RAISED)]);
    expect(raised.at(-1)).toEqual(raisedGeneration(RAISED));
    expect(generation.current).toBe(raisedGeneration(RAISED));
  });

  it('by an orderly end, whatever was applied', () => {
    const { generation, written } = aGeneration(OPENED);
    generation.raiseAtEnd();
    expect(written).toEqual([RAISED]);
  });

  it('never where it promises nothing', () => {
    const { generation, written } = aGeneration(makeGeneration(0, 0));
    generation.onApplied('command');
    expect(generation.next(knowing(OPENED), true)).toBeUndefined();
    generation.raiseAtEnd();
    expect(written).toEqual([]);
  });
});
