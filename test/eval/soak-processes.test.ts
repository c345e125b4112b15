import { describe, expect, it } from 'vitest';
import { DeliveryLedger } from '../../eval/soak/processes/delivery-ledger.ts';
import { processFaults } from '../../eval/soak/processes/faults.ts';
import { describeResult, type FaultResult } from '../../eval/soak/processes/run-faults.ts';

describe('the ledger of a soak of processes', () => {
  it('counts what was acknowledged and is not completed as lost, once', () => {
    const ledger = new DeliveryLedger();
    for (const n of [1, 2, 3]) ledger.onAcknowledged(`job-${n}`, n);
    ledger.onCompleted(1, 'job-1');
    expect(ledger.endFault()).toMatchObject({ acknowledged: 3, lost: 2, duplicated: 0 });
    expect(ledger.endFault()).toMatchObject({ acknowledged: 0, lost: 0 });
  });

  it('does not wait for a completion that came before the acknowledgement', () => {
    const ledger = new DeliveryLedger();
    ledger.onCompleted(1, 'job-1');
    ledger.onAcknowledged('job-1', 0);
    expect(ledger.open).toBe(0);
    expect(ledger.endFault()).toMatchObject({ acknowledged: 1, lost: 0, duplicated: 0 });
  });

  it('counts a second completion of a job, also during a later fault, and a message in two jobs', () => {
    const ledger = new DeliveryLedger();
    ledger.onCompleted(1, 'job-1');
    ledger.onCompleted(1, 'job-1');
    expect(ledger.endFault().duplicated).toBe(1);
    ledger.onCompleted(1, 'job-1');
    ledger.onCompleted(2, 'job-2');
    ledger.onCompleted(2, 'job-3');
    expect(ledger.endFault().duplicated).toBe(2);
  });

  it('keeps what was certainly not applied apart from unknown outcomes', () => {
    const ledger = new DeliveryLedger();
    for (const outcome of ['not-applied', 'unknown', undefined]) ledger.onRejected(outcome);
    expect(ledger.endFault()).toMatchObject({ rejected: 1, unknown: 2 });
  });

  it('has the longest time between two acknowledgements of one fault', () => {
    const ledger = new DeliveryLedger();
    for (const [at, ms] of [100, 110, 400, 405].entries()) ledger.onAcknowledged(`a-${at}`, ms);
    expect(ledger.endFault().longestGapMs).toBe(290);
    for (const [at, ms] of [5_000, 5_010].entries()) ledger.onAcknowledged(`b-${at}`, ms);
    expect(ledger.endFault().longestGapMs).toBe(10);
  });
});

describe('the line of a fault', () => {
  const result: FaultResult = {
    name: 'SIGKILL of the leader',
    counts: { acknowledged: 900, rejected: 0, unknown: 1, lost: 0, duplicated: 0, longestGapMs: 412.4 },
    ...{ elections: 2, detail: 'twice', isSkipped: false, failures: [] },
  };

  it('has its counts, and a line for each failure', () => {
    expect(describeResult(result)).toBe(
      'SIGKILL of the leader: 900 acknowledged, 0 lost, 0 duplicated, 0 rejected, 1 of unknown outcome; 2 elections, longest gap 412 ms (twice)',
    );
    expect(describeResult({ ...result, failures: ['Node 2 ended: exit code 1'] })).toMatch(
      /\(twice\)\n {2}FAILED: Node 2 ended: exit code 1$/,
    );
  });

  it('says why it was skipped', () => {
    expect(describeResult({ ...result, isSkipped: true, detail: 'no tmpfs' })).toBe('SIGKILL of the leader: skipped, no tmpfs');
  });

  it('names each fault once', () => {
    const names = processFaults(30).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('SIGKILL of each node in turn, 30 times');
  });
});
