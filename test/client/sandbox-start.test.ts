import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { describe, expect, it, vi } from 'vitest';
import { Job } from '../../src/client/job.ts';
import { Sandbox } from '../../src/client/sandbox.ts';
import { sandboxCodePath } from '../../src/client/sandbox-code.ts';
import { SandboxCodeMissingError } from '../../src/client/sandbox-errors.ts';

/** The pool's threads do not find their entry, as in a bundle that leaves it out. */
const MISSING = fileURLToPath(new URL('./fixtures/no-such-entry.mjs', import.meta.url));

vi.mock('piscina', async (load) => {
  const original = await load<typeof import('piscina')>();
  class PoolWithoutEntry extends original.Piscina {
    constructor(options: ConstructorParameters<typeof Piscina>[0]) {
      super({ ...options, filename: MISSING });
    }
  }
  return { ...original, Piscina: PoolWithoutEntry };
});

describe('a thread that cannot start', () => {
  it('fails the jobs that waited for one, and is not tried for ever', async () => {
    const errors: Error[] = [];
    const sandbox = new Sandbox(new URL('./fixtures/double.mjs', import.meta.url), {
      concurrency: 3,
      onError: (error) => errors.push(error),
    });
    const runs = [1, 2, 3].map((id) => {
      const job = new Job({ id, queueName: 'q', addedAt: 0, attemptsMade: 0, attemptsMax: 1, content: { name: 'any', data: 21 } });
      return sandbox.run(job, new AbortController().signal);
    });
    for (const run of runs) {
      await expect(run).rejects.toMatchObject({ code: 'PROCESSOR_THREAD', message: expect.stringContaining('no-such-entry.mjs') });
    }
    await sandbox.close();
    expect(errors).toEqual([]);
  });
});

describe('the code of the threads', () => {
  it('is beside this module, and a bundle that left it out says what to do', () => {
    expect(sandboxCodePath()).toMatch(/sandbox-worker\.ts$/);
    const bundle = new URL('./fixtures/bundle.mjs', import.meta.url).href;
    for (const base of [bundle, 'https://example.org/bundle.mjs']) {
      expect(() => sandboxCodePath(base)).toThrow(SandboxCodeMissingError);
      expect(() => sandboxCodePath(base)).toThrow(/Mark "jobraft" and "piscina" as external/);
    }
  });
});
