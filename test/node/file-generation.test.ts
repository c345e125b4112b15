import { describe, expect, it } from 'vitest';
import { asGeneration } from '../../src/base/generation.ts';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { FileGeneration } from '../../src/node/file-generation.ts';
import { aCore } from '../raft/builders.ts';

const at = (counter: number, life: number) => asGeneration(counter * 2 ** 20 + life);

/** What node 1 knows of itself: that its disk is on record in this generation, if in any. */
function knowing(generation?: number) {
  const own = { node: asNodeId(1), disk: asDiskId(101) };
  const disks = [generation === undefined ? own : { ...own, generation: asGeneration(generation) }];
  return aCore({ id: 1, disk: 101, configuration: { disks } }).view;
}

function aGeneration(current: number): FileGeneration & { readonly written: number[]; readonly raised: number[] } {
  const written: number[] = [];
  const raised: number[] = [];
  const generation = new FileGeneration({
    current: asGeneration(current),
    write: (next) => written.push(next),
    onRaised: (next) => raised.push(next),
  });
  return Object.assign(generation, { written, raised });
}

describe('a checkpoint raises the generation', () => {
  it('in a life that is on record, once for what was applied since', () => {
    const generation = aGeneration(at(5, 7));
    expect(generation.nextAtCheckpoint(knowing(at(5, 7)))).toBeUndefined();
    generation.onApplied('command');
    expect(generation.nextAtCheckpoint(knowing(at(4, 7)))).toBe(at(6, 7));
    generation.onCheckpointWritten(at(6, 7));
    expect(generation.raised).toEqual([at(6, 7)]);
    // The entry that records it is no reason for the next.
    generation.onApplied('configuration');
    expect(generation.nextAtCheckpoint(knowing(at(6, 7)))).toBeUndefined();
  });

  it('in no other, or a restored copy would get ahead of the record by its own checkpoints', () => {
    const generation = aGeneration(at(5, 8));
    generation.onApplied('command');
    expect(generation.nextAtCheckpoint(knowing(at(4, 7)))).toBeUndefined();
    expect(generation.nextAtCheckpoint(knowing())).toBeUndefined();
  });

  it('for a snapshot, too, which brings what others acknowledged', () => {
    const generation = aGeneration(at(5, 7));
    generation.onSnapshotInstalled(knowing(at(5, 7)));
    expect(generation.written).toEqual([at(6, 7)]);
    expect(generation.raised).toEqual([at(6, 7)]);
    expect(generation.current).toBe(at(6, 7));
  });

  it('of no file that promises none', () => {
    const generation = aGeneration(0);
    generation.onApplied('command');
    expect(generation.nextAtCheckpoint(knowing(at(4, 7)))).toBeUndefined();
  });
});

describe('an orderly end', () => {
  it('raises the generation, whatever was applied', () => {
    const generation = aGeneration(at(5, 7));
    generation.raiseAtEnd();
    expect(generation.written).toEqual([at(6, 7)]);
  });
});
