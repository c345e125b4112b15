import { describe, expect, it } from 'vitest';
import { KillSwitch } from '../../src/cluster/kill-switch.ts';

/** One switch, with the owner's and the thread's side. */
function aSwitch(): { readonly owner: KillSwitch; readonly thread: KillSwitch } {
  const memory = KillSwitch.memory();
  return { owner: new KillSwitch(memory), thread: new KillSwitch(memory) };
}

const LONG_MS = 3_600_000;

describe('a kill switch', () => {
  it('shows the thread that it is killed, until its file is closed', () => {
    const { owner, thread } = aSwitch();
    expect(thread.isKilled).toBe(false);
    owner.kill();
    expect(thread.isKilled).toBe(true);
    expect(owner.waitUntilClosed(0)).toBe(false);
    thread.markClosed();
    expect(thread.isKilled).toBe(false);
    expect(owner.waitUntilClosed(LONG_MS)).toBe(true);
  });

  it('does not let a killed thread sleep', () => {
    const { owner, thread } = aSwitch();
    owner.kill();
    thread.sleep(LONG_MS);
    expect(thread.isKilled).toBe(true);
  });

  it('does not affect a file that is already closed', () => {
    const { owner, thread } = aSwitch();
    thread.markClosed();
    owner.kill();
    expect(thread.isKilled).toBe(false);
    expect(owner.waitUntilClosed(LONG_MS)).toBe(true);
  });
});
