import { createConnection, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compareLogs, statusFaults } from '../../eval/network/inspection.ts';
import { isolationHere } from '../../eval/network/isolation.ts';
import { joinFaults } from '../../eval/network/joining-lines.ts';
import { batches, type Direction } from '../../eval/network/links.ts';
import type { LogEntryReply, StatusReply } from '../../eval/network/node-api.ts';
import { type LogLine, leaderViolations, parseLog } from '../../eval/network/node-logs.ts';
import { judgeElections, type Result, resultLines } from '../../eval/network/scenario.ts';
import { SlowLink, transitMs } from '../../eval/network/slow-link.ts';
import { SeededRandom } from '../../src/base/random.ts';

describe.runIf(process.platform === 'linux')('whether the network tests can run', () => {
  /** A machine on which commands that begin with one of these texts fail. */
  const machine = (failing: Readonly<Record<string, object>>) => (command: string, args: readonly string[]) => {
    const line = [command, ...args].join(' ');
    for (const [start, error] of Object.entries(failing)) if (line.startsWith(start)) throw Object.assign(new Error(line), error);
  };
  const denied = { stderr: 'first line\nunshare: unshare failed: Operation not permitted\n' };

  it('they can with the rights of root, else with those of a user namespace of their own', () => {
    expect(isolationHere(machine({}))).toMatchObject({ flags: expect.not.arrayContaining(['--user']) });
    expect(isolationHere(machine({ 'unshare --mount': denied }))).toMatchObject({
      flags: expect.arrayContaining(['--user', '--net', '--pid']),
    });
  });

  it.each<[string, Readonly<Record<string, object>>, RegExp]>([
    ['"ip" is missing', { ip: { code: 'ENOENT' } }, /"ip" is missing\. Install the package iproute2\./],
    ['"unshare" is missing', { unshare: { code: 'ENOENT' } }, /"unshare" is missing\. Install the package util-linux\./],
    ['the user may not', { 'unshare -': denied }, /\(unshare: unshare failed: Operation not permitted\)\. Run it as root/],
  ])('they cannot if %s, and say what to do', (_case, failing, reason) => {
    const { '--version': _, ...rest } = failing;
    const isolation = isolationHere((command, args) => {
      if (args[0] === '--version' && failing['unshare -'] !== undefined) return;
      machine(rest)(command, args);
    });
    expect(isolation).toEqual({ type: 'impossible', reason: expect.stringMatching(reason) });
  });
});

describe('a slow link', () => {
  const quality = { delayMs: 50, jitterMs: 20, loss: 0.05 };
  const drawing =
    (...units: number[]) =>
    (): number =>
      units.shift() ?? 1;

  it('delays a segment by its delay and a part of its jitter, and a lost one by its retransmissions', () => {
    expect(transitMs(quality, drawing(0.5, 0.05))).toBe(60);
    expect(transitMs(quality, drawing(0, 0.04, 0.05))).toBe(250);
    expect(transitMs(quality, drawing(0, 0.04, 0, 0.9))).toBe(650);
  });

  it('carries all bytes in both directions, in order and late, and the end', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void echo.close());
    const bound = echo.address();
    const target = { host: '127.0.0.1', port: typeof bound === 'object' && bound !== null ? bound.port : 0 };
    const at = { host: '127.0.0.1', port: 0 };
    await using link = await SlowLink.listen(at, target, { delayMs: 5, jitterMs: 5, loss: 0.1 }, new SeededRandom(7));
    const socket = createConnection({ host: '127.0.0.1', port: link.port, allowHalfOpen: true });
    const sinceMs = performance.now();
    const numbers = Array.from({ length: 200 }, (_, n) => `${n}\n`);
    for (const number of numbers) socket.write(number);
    socket.end();
    let received = '';
    for await (const chunk of socket) received += String(chunk);
    expect(received).toBe(numbers.join(''));
    expect(performance.now() - sinceMs).toBeGreaterThanOrEqual(10);
  });
});

it('cuts the links of a node by one process, also in one direction only', () => {
  const directions: Direction[] = [
    [1, 2],
    [1, 3],
    [3, 1],
  ];
  expect([...batches(directions, (to) => `cut ${to}`)]).toEqual([
    ['node-1', 'cut 2\ncut 3\n'],
    ['node-3', 'cut 1\n'],
  ]);
});

describe('the logs of nodes', () => {
  const line = (fields: object): string => JSON.stringify({ time: '2026-11-28T12:00:00.000Z', ...fields });
  const led = (node: number, term: number): string =>
    line({ node, event: 'role', role: 'leader', term, msg: `Node ${node} becomes leader` });

  it('are read line by line, without those that a kill tore and those about other events', () => {
    expect(parseLog(`${led(2, 7)}\n${line({ node: 2, event: 'voted' })}\n{"role":"leader","no`, ['"leader"'])).toEqual([
      { ...{ node: 2, event: 'role', atMs: Date.UTC(2026, 10, 28, 12), text: 'Node 2 becomes leader', term: 7, role: 'leader' } },
    ]);
  });

  it('show a term with several leaders', () => {
    const read = (...lines: string[]) => leaderViolations(parseLog(lines.join('\n'), ['leader']));
    expect(read(led(1, 3), led(2, 4), led(1, 5), led(1, 5))).toEqual([]);
    expect(read(led(1, 3), led(2, 4), led(3, 4))).toEqual(['Nodes 2, 3 all led in term 4.']);
  });
});

describe('the log lines of a node that joins', () => {
  const used = (node: number, index: number, lists: string, atMs: number): LogLine => ({
    ...{ node, event: 'configuration', atMs, term: 1, role: undefined },
    text: `Node ${node} uses the configuration of entry ${index}: ${lists}`,
  });
  const campaign = (node: number, atMs: number): LogLine => ({
    ...{ node, event: 'election-timeout', atMs, term: 2, role: undefined, text: `Node ${node} timed out, starting election` },
  });
  const lines = [
    used(6, 9, 'voters 1, 2, 3; joining 6', 12),
    used(1, 12, 'voters 1, 2, 3, 6', 20),
    used(6, 12, 'voters 1, 2, 3, 6', 21),
    used(1, 9, 'voters 1, 2, 3; joining 6', 10),
  ];

  it('show that it was a member without a vote first', () =>
    expect(joinFaults([...lines, campaign(6, 30), campaign(2, 5)], 6)).toEqual([]));

  it('show a candidacy before it was a voter', () =>
    expect(joinFaults([...lines, campaign(6, 15)], 6)).toEqual(['Before it was a voter: Node 6 timed out, starting election.']));

  it('show a node that votes as it joins, or a configuration that is missing', () => {
    expect(joinFaults([used(1, 9, 'voters 1, 6', 1), used(1, 12, 'voters 1; joining 6', 2)], 6)).toEqual([
      'Node 6 votes as of entry 9, and joins as of entry 12.',
    ]);
    expect(joinFaults([], 6)).toEqual(['No log has the configuration in which node 6 joins.']);
    expect(joinFaults(lines.slice(0, 1), 6)).toEqual(['No log has the configuration in which node 6 votes.']);
  });
});

describe('replies to GetStatus', () => {
  const reply = (node: number, changed: Partial<StatusReply> = {}): StatusReply => ({
    ...{ node, state: node === 2 ? 'LEADER' : 'FOLLOWER', term: 4, voted_for: 2, leader_id: 2 },
    ...{ commit_index: 9, applied_index: 9, first_index: 1, last_index: 9 },
    ...changed,
  });
  const replies = (changed: Readonly<Record<number, Partial<StatusReply>>>) => [1, 2, 3, 4, 5].map((node) => reply(node, changed[node]));

  it('are right if all follow the leader, in its term, by the votes of a majority', () => {
    expect(statusFaults(replies({ 1: { voted_for: 0 }, 5: { voted_for: 0 } }))).toEqual([]);
  });

  it.each<[Readonly<Record<number, Partial<StatusReply>>>, string]>([
    [{ 2: { state: 'FOLLOWER' } }, '0 nodes say that they lead.'],
    [{ 3: { state: 'LEADER' } }, '2 nodes say that they lead.'],
    [{ 3: { term: 5 } }, 'Node 3 is in term 5, the leader in 4.'],
    [{ 1: { leader_id: 0 } }, 'Node 1 follows node 0, not 2.'],
    [{ 1: { state: 'CANDIDATE' } }, 'Node 1 is CANDIDATE.'],
    [{ 1: { voted_for: 1 }, 3: { voted_for: 0 }, 4: { voted_for: 0 } }, '2 nodes voted for node 2 in term 4.'],
  ])('are wrong with %j', (changed, fault) => expect(statusFaults(replies(changed))).toEqual([fault]));

  it('are wrong if a node does not reply', () => {
    expect(statusFaults(replies({}).slice(1))).toEqual(['4 of 5 nodes reply.']);
  });
});

describe('the logs by GetLog', () => {
  const entry = (index: number, changed: Partial<LogEntryReply> = {}): LogEntryReply => ({
    ...{ index, term: 3, kind: 'commands', data: Buffer.from(`entry ${index}`) },
    ...changed,
  });
  const compared = (changed: Partial<LogEntryReply>) =>
    compareLogs(
      [
        [entry(7), entry(8)],
        [entry(7), entry(8, changed)],
      ],
      8,
    );

  it('are equal by index, term, kind and command', () => expect(compared({})).toEqual({ entries: 2, faults: [] }));

  it.each<Partial<LogEntryReply>>([{ term: 4 }, { kind: 'no-op' }, { data: Buffer.from('entry 9') }])('differ by %j', (changed) =>
    expect(compared(changed).faults).toEqual(['Entry 8 of node 2 differs from that of node 1.']),
  );

  it('differ if an entry is missing', () => {
    expect(compareLogs([[entry(7), entry(8)], [entry(7)]], 8).faults).toEqual(['Node 2 has no entry 8.']);
    expect(compareLogs([[entry(7)], [entry(7), entry(8)]], 8).faults).toEqual(['Node 1 has no entry 8.']);
  });

  it('are compared without what a node has compacted meanwhile', () => {
    const all = [entry(7), entry(8), entry(9)];
    expect(compareLogs([all, all.slice(1), all.slice(2)], 9)).toEqual({ entries: 1, faults: [] });
    expect(compareLogs([all, []], 9).entries).toBe(0);
  });
});

describe('the elections of a scenario', () => {
  const machine = (timerLateMs: number) => ({ before: () => ({ timerLateMs, othersShare: 0.1 }) });
  const elections = [{ term: 6, nodes: [3], atMs: 0 }];

  it('are faults where nothing is a reason for them, unless the machine was busy', () => {
    expect(judgeElections('none', [], machine(0))).toEqual({ excused: 0, faults: [] });
    expect(judgeElections('none', elections, machine(0)).faults).toEqual([expect.stringContaining('without a cause: term 6, node 3')]);
    expect(judgeElections('none', elections, machine(500))).toEqual({ excused: 1, faults: [] });
  });

  it('are missing where a fault must cause one', () => {
    expect(judgeElections('some', [], machine(0)).faults).toEqual(['No node campaigned.']);
    expect(judgeElections('some', elections, machine(0))).toEqual({ excused: 0, faults: [] });
    expect(judgeElections('any', [], machine(0))).toEqual({ excused: 0, faults: [] });
  });
});

it('prints a line for a scenario with its counts, and one for each fault', () => {
  const result: Result = {
    scenario: { rows: 'C2', name: 'the leader is killed', elections: 'some' },
    ...{ acknowledged: 90, unknown: 2, lost: 0, elections: 1, excused: 0, operations: 250, seconds: 3.21, notes: ['a note'], faults: [] },
  };
  const counts = 'adds acknowledged 90, lost 0, of unknown outcome 2; elections 1; operations checked 250; a note; 3.2 s';
  expect(resultLines(result)).toEqual([`ok     C2  the leader is killed: ${counts}`]);
  expect(resultLines({ ...result, faults: ['x'] })).toEqual([`FAILED C2  the leader is killed: ${counts}`, '         x']);
});
