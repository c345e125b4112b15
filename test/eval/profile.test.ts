import { describe, expect, it } from 'vitest';
import { parseProfileRows, profileChart } from '../../eval/charts/profile-chart.ts';
import { renderSvg } from '../../eval/charts/render-chart.ts';
import { activityOf, parseCpuProfile, threadTimeOf } from '../../eval/profile/cpu-profile.ts';

const frame = (functionName: string, path = '') => ({ functionName, url: path === '' ? '' : `file:///somewhere/dist/${path}` });

describe('a CPU profile', () => {
  it('is divided by the activities of the thread', () => {
    expect(activityOf(frame('(idle)'))).toBe('idle');
    expect(activityOf(frame('(garbage collector)'))).toBe('garbage collection');
    expect(activityOf(frame('#writing', 'src/storage/sqlite-storage.js'))).toBe('SQLite: commit (WAL, fsync, write-back)');
    expect(activityOf(frame('#put', 'src/storage/log-table.js'))).toBe('SQLite: statements, checksums');
    expect(activityOf(frame('#page', 'src/queue/checkpoint.js'))).toBe('checkpoint: encoding');
    expect(activityOf(frame('claim', 'src/queue/job-store.js'))).toBe('state machine');
    expect(activityOf(frame('flush', 'src/node/outbox.js'))).toBe('frames and ports');
    expect(activityOf(frame('postMessage'))).toBe('frames and ports');
    expect(activityOf(frame('step', 'src/raft/raft-core.js'))).toBe('Raft and the turn');
    expect(activityOf(frame('add', 'src/client/queue.js'))).toBe('client');
    expect(activityOf(frame('produce', 'eval/replay/producer.js'))).toBe('load generator');
    expect(activityOf(frame('emit'))).toBe('Node.js and V8');
  });

  it('gives each function its own time, and identifies a leader by its activities', () => {
    const nodes = [frame('(idle)'), frame('claim', 'src/queue/job-store.js'), frame('propose', 'src/node/proposer.js')];
    const text = JSON.stringify({
      nodes: nodes.map((callFrame, id) => ({ id, callFrame })),
      samples: [0, 1, 1, 2, 0],
      timeDeltas: [1000, 2000, 500, 250, -3],
    });
    const { ms, leadingMs } = threadTimeOf(parseCpuProfile(text));
    expect([...ms]).toEqual([
      ['idle', 1],
      ['state machine', 2.5],
      ['Raft and the turn', 0.25],
    ]);
    expect(leadingMs).toBe(0.25);
  });

  it('is rejected when it is something else', () => {
    expect(() => parseCpuProfile('{"nodes":[]}')).toThrow(/samples/);
  });
});

describe('the chart of the profiles', () => {
  it('has a panel for each measure, a bar for each thread, and says how it was made', async () => {
    const rows = ['one', 'two'].flatMap((measure) =>
      ['main thread', 'leader'].map((thread) => `${measure},${thread},idle,12.5,0123456789,abcdef01`),
    );
    const svg = await renderSvg(profileChart(parseProfileRows(`measure,thread,activity,ms,commit,environment\n${rows.join('\n')}\n`)));
    for (const text of ['one', 'two', 'leader', 'main thread', 'n = 1 run', '0123456', 'garbage collection']) expect(svg).toContain(text);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});
