import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { machineLine, recordEnvironment } from '../measuring/environment.ts';
import { formatNumber, textTable } from '../measuring/format.ts';
import { listenForInterruption } from '../measuring/interruption.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import { UserError } from '../measuring/user-error.ts';
import { SCALE_MEASURES } from './all-scale-measures.ts';
import { ScaleFile, type ScaleRow } from './scale-file.ts';
import type { ScaleFigure, ScaleMeasure } from './scale-measure.ts';
import type { ScaleTask } from './scale-task.ts';

export interface ScaleRequest {
  readonly out: string;
  /** Only measures whose name contains this text. */
  readonly only: string | undefined;
  /** Of the sizes, above 0 and at most 1; not of the numbers of nodes. */
  readonly share: number;
  readonly seed: number;
  readonly print: (line: string) => void;
}

interface ScaleOutcome {
  readonly file: string;
  readonly isInterrupted: boolean;
}

const PROCESS_FILE = fileURLToPath(new URL('./scale-process.js', import.meta.url));

const figureSchema = z.object({ figure: z.string(), unit: z.enum(['ms', 's', '/s', 'B', 'MB', 'count', '%']), value: z.number() });

/** One round: each measure at each of its sizes. @throws {UserError} when `only` matches no measure. */
export async function runScale({ out, only, share, seed, print }: ScaleRequest): Promise<ScaleOutcome> {
  const measures = selected(only);
  const results = ResultsFolder.open(out);
  const facts = {
    session: new Date().toISOString(),
    commit: currentCommit(),
    environment: recordEnvironment(results.path, results.environmentFile, new Date()),
  };
  const file = new ScaleFile(results.scaleFile, facts);
  print(`${machineLine(results.path)} (environment ${facts.environment}), commit ${facts.commit}`);
  using interruption = listenForInterruption(() => print('Interrupted: the figures so far are kept.'));
  const { signal } = interruption;
  const rows: ScaleRow[] = [];
  const dataDir = results.dataPath('scale');
  for (const { name, size } of stepsOf(measures, share)) {
    if (signal.aborted) break;
    print(`${size.toLocaleString('en')} ${name}`);
    const onFigure = (figure: ScaleFigure): void => {
      const row = { measure: name, size, ...figure };
      rows.push(row);
      file.append(row);
      print(`  ${figure.figure}: ${formatNumber(figure.value)} ${figure.unit}`);
    };
    try {
      await runProcess({ name, size, dataDir: join(dataDir, 'nodes'), seed }, onFigure, signal);
    } finally {
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    }
  }
  print(`\n${scaleTable(rows)}\n`);
  return { file: results.scaleFile, isInterrupted: signal.aborted };
}

export function selected(only: string | undefined): readonly ScaleMeasure[] {
  const measures = SCALE_MEASURES.filter(({ name }) => name.includes(only?.toLowerCase() ?? ''));
  if (measures.length > 0) return measures;
  throw new UserError(`Nothing has "${only}" in its name. There are: ${SCALE_MEASURES.map(({ name }) => name).join('; ')}.`);
}

export const stepsOf = (measures: readonly ScaleMeasure[], share: number): readonly { readonly name: string; readonly size: number }[] =>
  measures.flatMap(({ name, sizes, isShared }) =>
    sizes.map((size) => ({ name, size: isShared ? Math.max(1, Math.round(size * share)) : size })),
  );

export const scaleTable = (rows: readonly ScaleRow[]): string =>
  textTable(
    ['Measure', 'Size', 'Figure', 'Value', 'Unit'],
    rows.map(({ measure, size, figure, value, unit }) => [measure, size.toLocaleString('en'), figure, formatNumber(value), unit]),
  );

/** @throws when the process fails. */
function runProcess(task: ScaleTask, onFigure: (figure: ScaleFigure) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(PROCESS_FILE, [JSON.stringify(task)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const onAbort = (): void => void child.kill();
    signal.addEventListener('abort', onAbort);
    child.on('message', (message) => onFigure(figureSchema.parse(message)));
    child.on('error', reject);
    child.on('exit', (code) => {
      signal.removeEventListener('abort', onAbort);
      if (code === 0 || signal.aborted) resolve();
      else reject(new Error(`The process that measures ${task.size} ${task.name} failed, exit code ${code}.`));
    });
  });
}
