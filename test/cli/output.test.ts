import { describe, expect, it } from 'vitest';
import { wantsColours } from '../../src/cli/output.ts';
import { RecordedOutput } from './recorded-output.ts';

const ESCAPE = '\u001b';

describe('the output of a command', () => {
  it('has tables, whose cells are of one line', () => {
    const { output, lines } = recordedOutput();
    output.table(['Job', 'Name'], [['1', 'a\nb']]);
    expect(lines()).toEqual(['Job  Name', '───  ────', '  1  a\\nb']);
  });

  it('has colours only where they are wanted', () => {
    const plain = recordedOutput();
    plain.output.table(['Job'], [['1']], () => 'red');
    expect(plain.text()).not.toContain(ESCAPE);
    const coloured = recordedOutput({ isColoured: true });
    coloured.output.table(['Job'], [['1'], ['2']], (row) => (row === 1 ? 'red' : undefined));
    expect(coloured.lines()).toEqual([
      `${ESCAPE}[1mJob${ESCAPE}[22m`,
      `${ESCAPE}[2m───${ESCAPE}[22m`,
      '  1',
      `${ESCAPE}[31m  2${ESCAPE}[39m`,
    ]);
  });

  it('has the fields of one thing below each other', () => {
    const { output, lines } = recordedOutput();
    output.fields([
      ['job', '7'],
      ['reason', 'line 1\nline 2'],
    ]);
    expect(lines()).toEqual(['job     7', 'reason  line 1\\nline 2']);
  });

  it('has one JSON document, or one object a line; bytes are in base64', () => {
    const { output, text } = recordedOutput();
    output.document({ data: new Uint8Array([1, 2, 255]), none: undefined });
    expect(text()).toBe('{\n  "data": {\n    "base64": "AQL/"\n  }\n}\n');
    const records = recordedOutput();
    records.output.record({ job: '1' });
    records.output.record({ job: '2' });
    expect(records.lines()).toEqual(['{"job":"1"}', '{"job":"2"}']);
  });

  it('replaces a live line on a terminal, within its width, and writes one line after the other elsewhere', () => {
    const piped = recordedOutput();
    piped.output.live('waiting 1');
    piped.output.live('waiting 2');
    expect(piped.lines()).toEqual(['waiting 1', 'waiting 2']);
    const terminal = recordedOutput({ isTerminal: true, columns: () => 8 });
    terminal.output.live('waiting 1');
    terminal.output.live('w 2');
    terminal.output.line('done');
    expect(terminal.text()).toBe(`\r${ESCAPE}[2Kwaitin…\r${ESCAPE}[2Kw 2\ndone\n`);
  });

  it('has remarks and errors on standard error, each in one line', () => {
    const recorded = new RecordedOutput();
    recorded.output.note('a remark');
    recorded.output.error('NO_LEADER', 'No leader.\n  Retry.\n');
    expect(recorded.out).toBe('');
    expect(recorded.err).toBe('a remark\njobraft: NO_LEADER: No leader. Retry.\n');
  });
});

describe('colours', () => {
  it.each([
    [true, {}, true],
    [true, { TERM: 'xterm' }, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('on a terminal (%s) with %j: %s', (isTerminal, env, wanted) => expect(wantsColours(isTerminal, env)).toBe(wanted));
});

function recordedOutput(target: ConstructorParameters<typeof RecordedOutput>[0] = {}) {
  const recorded = new RecordedOutput(target);
  const text = (): string => recorded.out;
  return { output: recorded.output, text, lines: () => text().trimEnd().split('\n') };
}
