#!/usr/bin/env node
import '../runtime/check.ts';

import { EXIT } from './exit-codes.ts';
import { listenForInterruption } from './interruption.ts';
import { Output, wantsColours } from './output.ts';
import { runCommandLine } from './program.ts';

const COLUMNS_DEFAULT = 80;

const { stdout, stderr } = process;
const isTerminal = stdout.isTTY === true;
const output = new Output({
  out: (text) => stdout.write(text),
  err: (text) => stderr.write(text),
  isTerminal,
  isColoured: wantsColours(isTerminal, process.env),
  columns: () => stdout.columns || COLUMNS_DEFAULT,
});
const interruption = listenForInterruption(process);

// The process that reads the output has ended, as `head` does: that ends the command, too.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  interruption.abort(EXIT.done);
});
stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// In one line, like every other remark.
process.removeAllListeners('warning');
process.on('warning', ({ name, message }) => output.note(`${name}: ${message}`));

process.exitCode = await runCommandLine(process.argv.slice(2), { output, stdin: () => process.stdin, signal: interruption.signal });
