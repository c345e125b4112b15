import { describe, expect, it } from 'vitest';
import { ParkedQueries } from '../../src/node/parked-queries.ts';

/** Queries of one topic that become readable together. */
class Topic {
  isReady = false;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  wait(waitMs: number) {
    return { topic: this.name, waitMs, isReady: () => this.isReady };
  }
}

const item = (sequence: number, connection = 1) => ({ connection, client: 7, sequence });
const sequencesOf = (items: readonly { readonly sequence: number }[]): number[] => items.map(({ sequence }) => sequence);

describe('queries that wait at their node', () => {
  it('are taken once there is something to read on their topic, and not before', () => {
    const parked = new ParkedQueries<ReturnType<typeof item>>();
    const mail = new Topic('mail');
    const other = new Topic('other');
    parked.park(item(1), mail.wait(100), 0);
    parked.park(item(2), mail.wait(100), 0);
    parked.park(item(3), other.wait(100), 0);
    parked.onReadable('mail');
    expect(parked.take(1)).toEqual([]);
    mail.isReady = true;
    parked.onReadable('mail');
    parked.onReadable('a topic without queries');
    expect(sequencesOf(parked.take(1))).toEqual([1, 2]);
    expect(parked.size).toBe(1);
    other.isReady = true;
    parked.onReadable(undefined);
    expect(sequencesOf(parked.take(1))).toEqual([3]);
    expect(parked.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('are taken when their time is over, the first to end first', () => {
    const parked = new ParkedQueries<ReturnType<typeof item>>();
    const mail = new Topic('mail');
    parked.park(item(1), mail.wait(200), 0);
    parked.park(item(2), mail.wait(100), 0);
    expect(parked.nextExpiryMs).toBe(100);
    expect(parked.take(99)).toEqual([]);
    expect(sequencesOf(parked.take(100))).toEqual([2]);
    expect(sequencesOf(parked.take(500))).toEqual([1]);
  });

  it('never end with something to read: then a wake-up was lost', () => {
    const parked = new ParkedQueries<ReturnType<typeof item>>();
    const mail = new Topic('mail');
    parked.park(item(1), mail.wait(100), 0);
    mail.isReady = true;
    expect(() => parked.take(100)).toThrow('a query waited for mail, where there was something to read');
  });

  it('are dropped with their channel, and when their client cancels them', () => {
    const parked = new ParkedQueries<ReturnType<typeof item>>();
    const mail = new Topic('mail');
    for (const one of [item(1), item(2), item(3, 2)]) parked.park(one, mail.wait(100), 0);
    parked.drop(1, 7, 2);
    parked.drop(1, 8, 1);
    parked.dropConnection(2);
    expect(parked.size).toBe(1);
    expect(sequencesOf(parked.take(100))).toEqual([1]);
  });

  it('keep no memory of those that were taken', () => {
    const parked = new ParkedQueries<ReturnType<typeof item>>();
    const mail = new Topic('mail');
    for (let sequence = 0; sequence < 10_000; sequence += 1) {
      parked.park(item(sequence), mail.wait(1_000_000 + sequence), 0);
      if (sequence > 0) parked.drop(1, 7, sequence);
    }
    expect(parked.size).toBe(1);
    expect(parked.nextExpiryMs).toBe(1_000_000);
  });
});
