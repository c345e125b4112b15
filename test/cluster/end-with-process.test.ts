import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endWithProcess } from '../../src/cluster/end-with-process.ts';

const MODULE = join(import.meta.dirname, '../../dist/src/cluster/end-with-process.js');

/** Runs a program with `aNode(name, isClosed)`, which registers a node that prints what is done with it, and returns its lines. */
function linesOf(body: string): readonly string[] {
  const program = `
    import { writeSync } from 'node:fs';
    import { endWithProcess } from ${JSON.stringify(MODULE)};
    const print = (line) => writeSync(1, line + '\\n');
    const aNode = (name, isClosed = true) => endWithProcess({
      kill: () => print('kill ' + name),
      waitUntilClosed: (timeoutMs) => {
        if (isClosed) {
          print('wait for ' + name);
          return true;
        }
        print('wait for ' + name + (timeoutMs > 0 ? '' : ', with no time left'));
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.max(0, timeoutMs));
        return false;
      },
    });
    ${body}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

describe('the exit of a process with open nodes', () => {
  it.each([
    ['by process.exit()', 'process.exit(0);'],
    ['when nothing is left to do', ''],
  ])('%s kills all of them before it waits for the first', (_, end) => {
    expect(linesOf(`aNode('one'); aNode('two'); ${end}`)).toEqual(['kill one', 'kill two', 'wait for one', 'wait for two']);
  });

  it('does nothing to a node whose thread has ended', () => {
    expect(linesOf("const one = aNode('one'); aNode('two'); one[Symbol.dispose]();")).toEqual(['kill two', 'wait for two']);
    expect(linesOf("const one = aNode('one'); one[Symbol.dispose](); one[Symbol.dispose](); print('end');")).toEqual(['end']);
  });

  it('waits for all nodes together no longer than the limit: the later ones get what the first left over', () => {
    expect(linesOf("aNode('stuck', false); aNode('next', false);").slice(2)).toEqual([
      'wait for stuck',
      'wait for next, with no time left',
    ]);
  });
});

describe('the listener of the exit', () => {
  it('is there once, while a node is open', () => {
    const before = process.listenerCount('exit');
    const aNode = () => endWithProcess({ kill: () => undefined, waitUntilClosed: () => true });
    const [one, two] = [aNode(), aNode()];
    expect(process.listenerCount('exit')).toBe(before + 1);
    one[Symbol.dispose]();
    expect(process.listenerCount('exit')).toBe(before + 1);
    two[Symbol.dispose]();
    expect(process.listenerCount('exit')).toBe(before);
  });
});
