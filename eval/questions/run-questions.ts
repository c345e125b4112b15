import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import { nodeCountOf } from '../bench/bench-measure.ts';
import { machineLine, probeFdatasync, recordEnvironment } from '../measuring/environment.ts';
import { textTable } from '../measuring/format.ts';
import { listenForInterruption } from '../measuring/interruption.ts';
import { watchMachine } from '../measuring/machine-load.ts';
import { openProgress, type Progress } from '../measuring/progress.ts';
import { currentCommit } from '../measuring/provenance.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { expectedMsOf, type Question } from './question.ts';
import { QuestionFile, type SessionFacts } from './question-file.ts';

export interface QuestionsRequest {
  readonly questions: readonly Question[];
  readonly config: ClusterConfig;
  readonly seed: number;
  readonly results: ResultsFolder;
  /** A session to go on with; by default a new one. */
  readonly session: string | undefined;
  readonly print: (line: string) => void;
}

/** A probe of the disk before each step takes as many writes. */
const PROBES = 50;

/**
 * Measures the steps of the questions that the session lacks, and writes the rows of each at once.
 * @returns whether it was interrupted; `npm run eval:questions -- --session` goes on with it.
 */
export async function runQuestions(request: QuestionsRequest): Promise<{ readonly isInterrupted: boolean; readonly facts: SessionFacts }> {
  const { questions, config, results, print } = request;
  const started = new Date();
  const facts: SessionFacts = {
    session: request.session ?? started.toISOString(),
    commit: currentCommit(),
    environment: recordEnvironment(results.path, results.environmentFile, started),
    nodes: nodeCountOf(config),
    durability: config.storage === 'memory' ? 'off' : config.durability,
  };
  print(`${machineLine(results.path)}, commit ${facts.commit}, session ${facts.session}`);
  const plan = questions.map((of) => [of.asks, String(of.rounds), String(of.steps.length), (expectedMsOf(of) / 60_000).toFixed(1)]);
  print(textTable(['Question', 'Rounds', 'Steps', 'Minutes'], plan));
  const progress = openProgress(questions.reduce((total, of) => total + expectedMsOf(of), 0));
  using interruption = listenForInterruption(() => progress.print('Interrupted: the steps that ended are kept.'));
  const folder = results.dataPath('questions');
  const tools: Tools = { config, seed: request.seed, folder, results, progress, signal: interruption.signal, doneMs: 0 };
  try {
    for (const question of questions) await runQuestion(question, QuestionFile.open(results, question, facts), tools);
  } finally {
    progress.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  return { isInterrupted: interruption.signal.aborted, facts };
}

interface Tools {
  readonly config: ClusterConfig;
  readonly seed: number;
  /** On the disk that the results are on; removed at the end. */
  readonly folder: string;
  readonly results: ResultsFolder;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Expected milliseconds of the steps that ended. */
  doneMs: number;
}

async function runQuestion<Row extends object>(question: Question<Row>, file: QuestionFile<Row>, tools: Tools): Promise<void> {
  const { config, folder, progress, results, seed, signal } = tools;
  for (let round = 1; round <= question.rounds; round += 1) {
    const isReversed = question.isAlternating === true && round % 2 === 0;
    for (const step of isReversed ? question.steps.toReversed() : question.steps) {
      const { name, expectedMs } = step;
      if (signal.aborted) return;
      if (!file.has(round, name)) {
        progress.onStep(`${question.id} ${round}/${question.rounds} ${name}`);
        const fdatasyncMs = probeFdatasync(results.path, PROBES).p50Ms;
        const end = watchMachine();
        const dataDir = join(folder, question.id);
        const rows = await step.measure({ config, dataDir, seed: seed + round, signal, rowsSoFar: file.rows() });
        rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
        if (signal.aborted) return;
        if (rows.length === 0) throw new Error(`The step "${name}" of ${question.id} returned no rows.`);
        file.append({ round, step: name, fdatasyncMs, machine: end() }, rows);
      }
      tools.doneMs += expectedMs;
      progress.onAdvance(tools.doneMs);
    }
  }
}
