import { join, parse } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { Sandbox } from '../../src/client/sandbox/sandbox.ts';
import { SandboxCodeMissingError } from '../../src/client/sandbox/sandbox-errors.ts';
import { loadPiscina } from '../../src/client/sandbox/sandbox-pool.ts';
import { aJob } from './a-job.ts';

/** The pool's threads do not find their entry point, as in a bundle that leaves it out. */
const MISSING = fileURLToPath(new URL('./fixtures/no-such-entry.mjs', import.meta.url));

vi.mock('../../src/client/sandbox/sandbox-code.ts', () => ({ sandboxCodePath: () => MISSING }));
const { sandboxCodePath } = await vi.importActual<typeof import('../../src/client/sandbox/sandbox-code.ts')>(
  '../../src/client/sandbox/sandbox-code.ts',
);

describe('a thread that cannot start', () => {
  it('fails the jobs that waited for it, and is not retried forever', async () => {
    const errors: Error[] = [];
    const sandbox = new Sandbox(new URL('./fixtures/double.mjs', import.meta.url), {
      concurrency: 3,
      onError: (error) => errors.push(error),
    });
    const runs = [1, 2, 3].map((id) => {
      return sandbox.run(aJob({ id, name: 'any', data: 21 }), new AbortController().signal);
    });
    for (const run of runs) {
      await expect(run).rejects.toMatchObject({ code: 'PROCESSOR_THREAD', message: expect.stringContaining('no-such-entry.mjs') });
    }
    await sandbox.close();
    expect(errors).toEqual([]);
  });
});

describe('the code of the threads', () => {
  it('is beside this module, and its absence in a bundle is reported with the remedy', () => {
    expect(sandboxCodePath()).toMatch(/sandbox-worker\.ts$/);
    const bundle = new URL('./fixtures/bundle.mjs', import.meta.url).href;
    for (const base of [bundle, 'https://example.org/bundle.mjs']) {
      expect(() => sandboxCodePath(base)).toThrow(SandboxCodeMissingError);
      expect(() => sandboxCodePath(base)).toThrow(/Mark "jobraft" and "piscina" as external/);
    }
  });

  it('needs piscina, and its absence is reported with the remedy', () => {
    const bundle = pathToFileURL(join(parse(process.cwd()).root, 'bundle.mjs')).href;
    for (const base of [bundle, 'https://example.org/bundle.mjs']) {
      expect(() => loadPiscina(base)).toThrow(SandboxCodeMissingError);
      expect(() => loadPiscina(base)).toThrow(/"piscina".*cannot be loaded.*Mark "jobraft" and "piscina" as external/s);
    }
  });
});
