import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import ts from 'typescript';

const SOURCES = resolve(import.meta.dirname, '../../src');
const MODULES = resolve(import.meta.dirname, '../../node_modules');

/**
 * Translates the storage and what it imports into `directory`, so that a child process or a thread can run it as
 * JavaScript. @returns the path of the SQLite adapter's module.
 */
export function buildStorage(directory: string): string {
  for (const folder of ['base', 'files', 'encryption', 'raft', 'storage']) {
    mkdirSync(join(directory, folder), { recursive: true });
    for (const name of readdirSync(join(SOURCES, folder))) {
      if (!name.endsWith('.ts')) continue;
      const { outputText } = ts.transpileModule(readFileSync(join(SOURCES, folder, name), 'utf8'), {
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, rewriteRelativeImportExtensions: true },
      });
      writeFileSync(join(directory, folder, name.replace(/\.ts$/, '.js')), outputText);
    }
  }
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  symlinkSync(MODULES, join(directory, 'node_modules'), 'junction');
  return join(directory, 'storage', 'sqlite-storage.js');
}

/** A child process running an ES module's text, and what it prints, line by line. */
export interface ScriptProcess {
  readonly lines: AsyncIterable<string>;
  /** SIGKILL, as at a power cut of the process: no handler runs. Resolves when it is gone. */
  kill(): Promise<void>;
}

export function runScript(directory: string, source: string): ScriptProcess {
  const file = join(directory, 'script.js');
  writeFileSync(file, source);
  const child: ChildProcess = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  if (child.stdout === null) throw new Error('the child process has no output to read');
  return {
    lines: createInterface(child.stdout),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
