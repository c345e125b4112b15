import { describe, expect, it } from 'vitest';
import { AddressTurns } from '../../src/transport/grpc/address-turns.ts';

const next = (turns: AddressTurns, count: number): string[] => Array.from({ length: count }, () => turns.next());

describe('the address of an attempt', () => {
  it('is the known one, also when many fail, if there is no other', () => {
    const turns = new AddressTurns('known', () => ['known']);
    expect(new Set(next(turns, 30))).toEqual(new Set(['known']));
    turns.onCalled(1);
    expect(new Set(next(turns, 30))).toEqual(new Set(['known']));
  });

  it('is another one in turn once several attempts failed at the known one', () => {
    const turns = new AddressTurns('known', () => ['first', 'second']);
    expect(next(turns, 8)).toEqual(Array.from({ length: 8 }, () => 'known'));
    expect(next(turns, 6)).toEqual(['first', 'second', 'known', 'first', 'second', 'known']);
  });

  it('is another one after one attempt at the known one since the node has called', () => {
    const turns = new AddressTurns('known', () => ['other']);
    // It may have begun before the node did run.
    expect(turns.next()).toBe('known');
    turns.onCalled(1);
    expect(next(turns, 4)).toEqual(['known', 'other', 'known', 'other']);
    turns.onCalled(2);
    expect(next(turns, 2)).toEqual(['known', 'other']);
  });

  it('is not the known one for ever where a node calls again and again', () => {
    const turns = new AddressTurns('known', () => ['other']);
    const attempts = Array.from({ length: 4 }, () => {
      turns.onCalled(1);
      return turns.next();
    });
    expect(attempts).toEqual(['known', 'other', 'known', 'other']);
  });

  it('is the one that has led to the node, until that fails', () => {
    const others = new Set(['announced']);
    const turns = new AddressTurns('configured', () => [...others]);
    turns.onCalled(1);
    next(turns, 2);
    expect(turns.isKnown).toBe(false);
    turns.onReached();
    expect([turns.known, turns.isKnown]).toEqual(['announced', true]);
    others.add('configured');
    expect(next(turns, 10).slice(-3)).toEqual(['announced', 'configured', 'announced']);
  });

  it('may be one that was announced meanwhile', () => {
    const others: string[] = [];
    const turns = new AddressTurns('known', () => others);
    turns.onCalled(1);
    expect(turns.next()).toBe('known');
    others.push('announced');
    expect(turns.next()).toBe('announced');
  });
});
