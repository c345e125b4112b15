import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { segmentNumbers, segmentPath } from '../../src/storage/segment-files.ts';
import { holdSegments, SegmentViews } from '../../src/storage/segment-views.ts';
import { Segments } from '../../src/storage/segments.ts';

const PART_BYTES = 1_000;

/** A node's file in a folder of its own. */
function aFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-segments-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'jobraft.db');
  writeFileSync(file, '', { mode: 0o640 });
  return file;
}

function open(file: string): Segments {
  const segments = new Segments({ file, isSynced: false, segmentBytes: PART_BYTES });
  onTestFinished(() => segments[Symbol.dispose]());
  return segments;
}

const part = (index: number) => ({ index, stored: new Uint8Array(PART_BYTES).fill(index), checksum: index });

describe('segments beside which an operator has left something', () => {
  it('are numbered by what a reference can hold, whatever other files there are', () => {
    const file = aFile();
    for (const stray of ['4294967295', '4294967296', '99999999999999999999', '0', '01', 'x']) writeFileSync(`${file}-segment-${stray}`, '');
    mkdirSync(segmentPath(file, 7));
    const segments = open(file);
    segments.adopt([]);
    const [reference] = segments.write([part(1)]);
    expect(reference).toMatchObject({ segment: 1 });
    segments.removeUnused();
    expect(existsSync(`${file}-segment-4294967296`)).toBe(true);
    expect(segmentNumbers(file)).toEqual([1]);
  });

  it('leave out a free one that cannot be written', () => {
    const file = aFile();
    const segments = open(file);
    segments.adopt([]);
    segments.write([part(1), part(2)]);
    segments.release(1);
    segments.onCommitted();
    rmSync(segmentPath(file, 1));
    mkdirSync(segmentPath(file, 1));
    expect(segments.write([part(3)])).toMatchObject([{ segment: 3 }]);
  });

  it('are kept until the log is read, also if nothing refers to them', () => {
    const file = aFile();
    writeFileSync(segmentPath(file, 1), 'x');
    const segments = open(file);
    segments.adopt([]);
    expect(segmentNumbers(file)).toEqual([1]);
    segments.removeUnused();
    expect(segmentNumbers(file)).toEqual([]);
  });

  it('have the mode and the owner of the database, as its other files', () => {
    const file = aFile();
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(file, 12_345, 12_345);
    const segments = open(file);
    segments.adopt([]);
    segments.write([part(1)]);
    segments.release(1);
    segments.onCommitted();
    const { mode, uid, gid } = statSync(file);
    for (const name of [segmentPath(file, 1), `${file}-readers`]) expect(statSync(name)).toMatchObject({ mode, uid, gid });
  });
});

describe('the lock of the views', () => {
  it('has no contents: what is no database is replaced', () => {
    const file = aFile();
    writeFileSync(`${file}-readers`, Buffer.alloc(8_192, 7));
    using views = new SegmentViews(file);
    expect(views.areOpen()).toBe(false);
    using held = holdSegments(file);
    expect(held).toBeDefined();
    expect(views.areOpen()).toBe(true);
  });

  it('counts as held once its file was removed, until the next start: views that began before cannot be seen any more', () => {
    const file = aFile();
    {
      using views = new SegmentViews(file);
      expect(views.areOpen()).toBe(false);
      using held = holdSegments(file);
      rmSync(`${file}-readers`);
      expect([held !== undefined, views.areOpen()]).toEqual([true, true]);
      using later = holdSegments(file);
      expect([later !== undefined, views.areOpen()]).toEqual([true, true]);
    }
    using views = new SegmentViews(file);
    expect(views.areOpen()).toBe(false);
    using held = holdSegments(file);
    expect([held !== undefined, views.areOpen()]).toEqual([true, true]);
  });
});
