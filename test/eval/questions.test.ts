import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { selectQuestions } from '../../eval/questions/all-questions.ts';
import { count, number, optionalNumber } from '../../eval/questions/cells.ts';
import type { Question } from '../../eval/questions/question.ts';
import { QuestionFile, questionFileOf, readAnswer, type SessionFacts } from '../../eval/questions/question-file.ts';
import { runQuestions } from '../../eval/questions/run-questions.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';

const row = z.object({ kind: z.enum(['a', 'b']), many: count, share: number, perhaps: optionalNumber });
type Row = z.infer<typeof row>;

const config = loadClusterConfig(undefined, {});
let folder: string;
let results: ResultsFolder;
let measured: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobraft-questions-'));
  results = ResultsFolder.open(folder);
  measured = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const rowOf = (kind: 'a' | 'b'): Row => ({ kind, many: 3, share: 0.25, perhaps: null });

/** A question of two steps and two rounds. @param onMeasure what else a step does. */
function questionWith(onMeasure: (name: string, dataDir: string) => void = () => undefined): Question<Row> {
  const steps = (['a', 'b'] as const).map((kind) => ({
    name: kind,
    expectedMs: 10,
    measure: ({ dataDir, seed }: { readonly dataDir: string; readonly seed: number }) => {
      measured.push(`${kind} ${seed}`);
      onMeasure(kind, dataDir);
      return Promise.resolve([rowOf(kind)]);
    },
  }));
  return { id: 'example', asks: 'Is this an example?', row, rounds: 2, steps };
}

const run = (question: Question<Row>, session?: string) =>
  runQuestions({ questions: [question], config, seed: 0, results, session, print: () => undefined });

describe('a session of questions', () => {
  it('measures every step once in each round, and reads back what was written', async () => {
    const { facts } = await run(questionWith());
    expect(measured).toEqual(['a 1', 'b 1', 'a 2', 'b 2']);
    const answer = readAnswer(results, questionWith());
    expect(answer?.facts).toEqual(facts);
    expect(answer?.rows.map(({ round, step, kind, many, share, perhaps }) => [round, step, kind, many, share, perhaps])).toEqual([
      [1, 'a', 'a', 3, 0.25, null],
      [1, 'b', 'b', 3, 0.25, null],
      [2, 'a', 'a', 3, 0.25, null],
      [2, 'b', 'b', 3, 0.25, null],
    ]);
  });

  it('takes the steps in reverse order in the second round where a question asks for it', async () => {
    await run({ ...questionWith(), isAlternating: true });
    expect(measured).toEqual(['a 1', 'b 1', 'b 2', 'a 2']);
  });

  it('goes on after its last step when it is named, and measures no step twice', async () => {
    const broken = questionWith((name) => {
      if (name === 'b') throw new Error('no power');
    });
    await expect(run(broken, 'first')).rejects.toThrow('no power');
    await run(questionWith(), 'first');
    expect(measured).toEqual(['a 1', 'b 1', 'b 1', 'a 2', 'b 2']);
    expect(readAnswer(results, questionWith())?.rows).toHaveLength(4);
  });

  it('gives each step the rows of those before it, also of the part before an interruption', async () => {
    const seen: [string, readonly string[]][] = [];
    const watching = (fails: boolean): Question<Row> => {
      const question = questionWith();
      const steps = question.steps.map((step) => ({
        ...step,
        measure: async ({ rowsSoFar }: { readonly rowsSoFar: readonly Row[] }) => {
          if (fails && step.name === 'b') throw new Error('no power');
          seen.push([step.name, rowsSoFar.map(({ kind }) => kind)]);
          return [rowOf(step.name === 'a' ? 'a' : 'b')];
        },
      }));
      return { ...question, steps };
    };
    await run(questionWith(), 'before');
    await expect(run(watching(true), 'first')).rejects.toThrow('no power');
    await run(watching(false), 'first');
    expect(seen).toEqual([
      ['a', []],
      ['b', ['a']],
      ['a', ['a', 'b']],
      ['b', ['a', 'b', 'a']],
    ]);
  });

  it('replaces the rows of another session', async () => {
    await run(questionWith(), 'first');
    await run(questionWith(), 'second');
    const rows = readAnswer(results, questionWith())?.rows ?? [];
    expect(new Set(rows.map(({ session }) => session))).toEqual(new Set(['second']));
    expect(rows).toHaveLength(4);
  });

  it('keeps no rows of a step that was interrupted, and removes its data', async () => {
    const question = questionWith((name, dataDir) => {
      mkdirSync(dataDir, { recursive: true });
      writeFileSync(join(dataDir, 'file'), '');
      if (name === 'b') process.emit('SIGINT');
    });
    expect(await run(question)).toMatchObject({ isInterrupted: true });
    expect(readAnswer(results, question)?.rows).toHaveLength(1);
    expect(() => readFileSync(join(results.dataPath('questions'), 'example', 'file'))).toThrow('ENOENT');
  });

  it('rejects a step without rows', async () => {
    const question = questionWith();
    const empty = question.steps.map((step) => ({ ...step, measure: () => Promise.resolve([]) }));
    await expect(run({ ...question, steps: empty })).rejects.toThrow('returned no rows');
  });
});

describe('the file of a question', () => {
  const facts: SessionFacts = { session: 'one', commit: 'c', environment: 'e', nodes: 3, durability: 'full' };
  const machine = { loadAverage: null, stealShare: null, otherShare: 0.5 };

  it('is undefined when nothing was measured', () => expect(readAnswer(results, questionWith())).toBeUndefined());

  it('names file, row and remedy when a cell is not what it should be', () => {
    const question = questionWith();
    QuestionFile.open(results, question, facts).append({ round: 1, step: 'a', fdatasyncMs: 1, machine }, [rowOf('a')]);
    const path = questionFileOf(results, question);
    writeFileSync(path, readFileSync(path, 'utf8').replace(',3,0.25,', ',,0.25,'));
    expect(() => readAnswer(results, question)).toThrow(/example\.csv, row 2, is not a row of.*npm run eval:questions -- --only example/);
  });

  it('is compressed for a question with many rows, also when steps are added', () => {
    const question = { ...questionWith(), isLarge: true };
    QuestionFile.open(results, question, facts).append({ round: 1, step: 'a', fdatasyncMs: 1, machine }, [rowOf('a')]);
    QuestionFile.open(results, question, facts).append({ round: 1, step: 'b', fdatasyncMs: 1, machine }, [rowOf('b'), rowOf('b')]);
    expect(questionFileOf(results, question)).toMatch(/example\.csv\.gz$/);
    expect(readAnswer(results, question)?.rows.map(({ kind }) => kind)).toEqual(['a', 'b', 'b']);
  });

  it('begins again when a version with other columns wrote it', () => {
    const question = questionWith();
    writeFileSync(questionFileOf(results, question), 'session,round,step,other\none,1,a,7\n');
    const file = QuestionFile.open(results, question, facts);
    expect(file.has(1, 'a')).toBe(false);
    file.append({ round: 1, step: 'a', fdatasyncMs: 1, machine }, [rowOf('a')]);
    expect(readAnswer(results, question)?.rows).toHaveLength(1);
  });

  it('rejects a name that no question has, with those that there are', () => {
    expect(() => selectQuestions('nothing')).toThrow(/No question's id contains "nothing".*size/);
  });
});
