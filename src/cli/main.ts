#!/usr/bin/env node
import '../runtime/check.ts';

import { listenForInterruption } from './interruption.ts';
import { Output, wantsColours } from './output.ts';
import { OutputFailure, writerOf } from './output-failure.ts';
import { runCommandLine } from './program.ts';

const COLUMNS_DEFAULT = 80;

const { stdout, stderr } = process;
const isTerminal = stdout.isTTY === true;
const interruption = listenForInterruption(process);
// Remarks are no results: without them a command goes on.
const err = writerOf(stderr, () => undefined);
const failure = new OutputFailure(err, (exitCode) => interruption.abort(exitCode));
const output = new Output({
  out: failure.writerOf(stdout),
  err,
  isTerminal,
  isColoured: wantsColours(isTerminal, process.env),
  columns: () => stdout.columns || COLUMNS_DEFAULT,
});

// In one line, like every other remark.
process.removeAllListeners('warning');
process.on('warning', ({ name, message }) => output.note(`${name}: ${message}`));

const exitCode = await runCommandLine(process.argv.slice(2), { output, stdin: () => process.stdin, signal: interruption.signal });
process.exitCode = failure.exitCode ?? exitCode;
// A pipe reports after the last write.
process.on('exit', () => {
  process.exitCode = failure.exitCode ?? exitCode;
});
