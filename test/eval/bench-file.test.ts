import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BenchFile, readLastSession, type SessionFacts } from '../../eval/bench/bench-file.ts';
import { UserError } from '../../eval/measuring/user-error.ts';

const ADDS = 'add, 64 B, many in flight';
const factsOf = (session: string): SessionFacts => ({
  session,
  commit: '0123456789',
  environment: 'abcdef01',
  nodes: 3,
  durability: 'full',
});

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobraft-bench-'));
  path = join(folder, 'bench.csv');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('bench.csv', () => {
  it('gives back the last session that was written to it, without what an interruption spoiled', () => {
    BenchFile.open(path, factsOf('first'), () => undefined).append(1, [{ figure: ADDS, unit: '/s', value: 1000 }], '');
    const second = BenchFile.open(path, factsOf('second'), () => undefined);
    second.append(1, [{ figure: ADDS, unit: '/s', value: 2000 }], '');
    second.append(2, [{ figure: ADDS, unit: '/s', value: 3 }], 'interrupted');
    expect(readLastSession(path)).toEqual({ ...factsOf('second'), figures: [{ figure: ADDS, unit: '/s', value: 2000 }] });
  });

  it('leaves out figures of earlier versions, also of clusters of other sizes', () => {
    BenchFile.open(path, factsOf('one'), () => undefined).append(1, [{ figure: ADDS, unit: '/s', value: 5 }], '');
    const [header = '', row = ''] = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, [header, row, row.replace(`"${ADDS}"`, 'node curve').replace(',3,3,', ',13,3,')].join('\n'));
    expect(readFileSync(path, 'utf8')).toContain('node curve,/s,5.00000,13,3');
    expect(readLastSession(path)).toMatchObject({ nodes: 3, figures: [{ figure: ADDS, value: 5 }] });
  });

  it('is read as one session when it is from before there were sessions', () => {
    writeFileSync(
      path,
      [
        'started,round,figure,unit,value,commit,environment,nodes,durability,valid,reason',
        `2026-01-01T00:00:00.000Z,1,"${ADDS}",/s,49068.7,c9c2c3003a,0bf933af,5,full,true,`,
        `2026-01-01T00:00:10.000Z,2,"${ADDS}",/s,60000,c9c2c3003a,0bf933af,5,full,true,`,
        '2026-01-01T00:00:11.000Z,2,a figure of old,/s,1,c9c2c3003a,0bf933af,5,full,true,',
      ].join('\n'),
    );
    expect(readLastSession(path)).toMatchObject({
      session: '2026-01-01T00:00:00.000Z',
      nodes: 5,
      figures: [{ value: 49_068.7 }, { value: 60_000 }],
    });
  });

  it('is set aside, and nothing of it is lost, when it has the columns of an earlier version', () => {
    writeFileSync(path, 'started,round\n1,2\n');
    const printed: string[] = [];
    BenchFile.open(path, factsOf('one'), (line) => printed.push(line)).append(1, [{ figure: ADDS, unit: '/s', value: 1 }], '');
    const aside = readdirSync(folder).find((name) => name !== 'bench.csv') ?? '';
    expect(readFileSync(join(folder, aside), 'utf8')).toBe('started,round\n1,2\n');
    expect(printed.join()).toContain(aside);
    expect(readLastSession(path).figures).toHaveLength(1);
  });

  it('is rejected with a remedy when it is missing, empty or something else', () => {
    expect(() => readLastSession(path)).toThrow(UserError);
    writeFileSync(path, '');
    expect(() => readLastSession(path)).toThrow('holds no session');
    writeFileSync(path, 'a,b\n1,2\n');
    expect(() => readLastSession(path)).toThrow('row 2, is not a row of the bench');
  });
});
