import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerProcess } from '../../eval/peers/server-process.ts';

/** Writes a line every 5 ms, and another one when it ends gracefully. */
const SERVER = `
setInterval(() => console.log('tick'), 5);
process.on('SIGTERM', () => { console.log('graceful'); process.exit(); });
`;

describe.skipIf(process.platform === 'win32')('the process of a peer’s server', () => {
  let folder: string;
  let server: ServerProcess;
  const log = (): string => readFileSync(join(folder, 'server.log'), 'utf8');
  const ticks = (): number => log().split('tick').length - 1;
  const untilTicks = (more: number): Promise<void> => {
    const wanted = ticks() + more;
    return server.waitUntilReady(async () => ticks() >= wanted);
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-peer-'));
    server = ServerProcess.start({
      name: 'ticker',
      command: process.execPath,
      args: ['-e', SERVER],
      folder,
      logFile: join(folder, 'server.log'),
    });
    await untilTicks(2);
  });

  afterEach(async () => {
    await server.kill();
    rmSync(folder, { recursive: true });
  });

  it('does nothing while it is paused, and continues afterwards', async () => {
    server.pause();
    // The signal takes effect within the time of a few ticks.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const paused = ticks();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ticks()).toBe(paused);
    server.resume();
    await untilTicks(2);
  });

  it('ends gracefully when it is stopped while it is paused', async () => {
    server.pause();
    await server.stop();
    expect(log()).toContain('graceful');
  });
});
