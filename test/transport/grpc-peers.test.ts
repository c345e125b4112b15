import { describe, expect, it, onTestFinished } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { asNodeId, type NodeId } from '../../src/base/ids.ts';
import type { RaftMessage, RaftMessageType } from '../../src/raft/message.ts';
import { type AppendEntriesProto, appendOf, appendProto, requestVoteOf, requestVoteProto } from '../../src/transport/grpc/raft-protos.ts';
import { type PeerPart, writePeerPart } from '../../src/transport/peer-frame.ts';
import type { PeerChannelEvents } from '../../src/transport/port.ts';
import { ENVELOPE, MESSAGES } from '../raft/sample-messages.ts';
import { type Member, until } from './conformance.ts';
import { GrpcNetwork } from './networks.ts';

class Received implements PeerChannelEvents {
  readonly messages: RaftMessage[] = [];

  onParts(_from: number, parts: readonly PeerPart[]): number {
    for (const part of parts) if (part.type === 'raft') this.messages.push(part.message);
    return 0;
  }

  onLost(): void {}
  onReadable(): void {}
}

function send(from: Member, message: RaftMessage): void {
  const writer = new ByteWriter();
  writePeerPart(writer, { type: 'raft', message });
  from.send(message.to, writer.copy());
}

const ofType = (received: Received, type: RaftMessageType): RaftMessage[] => received.messages.filter((message) => message.type === type);

/** The request with which the reply is sent. */
const REQUESTS: Partial<Readonly<Record<RaftMessageType, RaftMessage>>> = {
  'vote-reply': { ...MESSAGES['request-vote'], preVote: false },
};
const REPLIES = ['vote-reply', 'append-accepted', 'append-rejected', 'snapshot-reply'];

async function twoNodes(): Promise<{ one: Member; two: Member; atOne: Received; atTwo: Received }> {
  const network = new GrpcNetwork();
  const [atOne, atTwo] = [new Received(), new Received()];
  const one = await network.start(1, atOne);
  const two = await network.start(2, atTwo);
  onTestFinished(async () => {
    await one[Symbol.asyncDispose]();
    await two[Symbol.asyncDispose]();
  });
  for (const [from, to, at] of [
    [one, 2, atTwo],
    [two, 1, atOne],
  ] as const) {
    const probe = { ...MESSAGES.append, from: asNodeId(from.node), to: asNodeId(to) };
    while (at.messages.length === 0) {
      send(from, probe);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    send(from, { ...probe, round: 99 });
    await until(() => at.messages.some((message) => message.type === 'append' && message.round === 99));
    at.messages.length = 0;
  }
  return { one, two, atOne, atTwo };
}

const ends = (from: number, to: number): { readonly from: NodeId; readonly to: NodeId } => ({ from: asNodeId(from), to: asNodeId(to) });

describe('messages of Raft over gRPC', () => {
  it.each(Object.values(MESSAGES).map((message) => [message.type, message] as const))('%s arrives as it was sent', async (type, sample) => {
    const { one, two, atOne, atTwo } = await twoNodes();
    if (!REPLIES.includes(type)) {
      send(one, { ...sample, ...ends(1, 2) });
      await until(() => ofType(atTwo, type).length > 0);
      expect(ofType(atTwo, type)).toEqual([{ ...sample, ...ends(1, 2) }]);
      return;
    }
    const request = REQUESTS[type];
    if (request !== undefined) {
      send(one, { ...request, ...ends(1, 2) });
      await until(() => ofType(atTwo, request.type).length > 0);
    }
    send(two, { ...sample, ...ends(2, 1) });
    await until(() => ofType(atOne, type).length > 0);
    expect(ofType(atOne, type)).toEqual([{ ...sample, ...ends(2, 1) }]);
  });

  it('ends the oldest of many votes that have no reply, and replies to the newest', async () => {
    const { one, two, atOne, atTwo } = await twoNodes();
    for (let n = 0; n < 40; n += 1) send(one, { ...MESSAGES['request-vote'], preVote: false, ...ends(1, 2) });
    await until(() => ofType(atTwo, 'request-vote').length === 40);
    for (let n = 0; n < 40; n += 1) send(two, { ...MESSAGES['vote-reply'], ...ends(2, 1) });
    await until(() => ofType(atOne, 'vote-reply').length === 16);
    send(two, { ...MESSAGES['append-accepted'], ...ends(2, 1) });
    await until(() => ofType(atOne, 'append-accepted').length === 1);
    expect(ofType(atOne, 'vote-reply')).toHaveLength(16);
  });
});

describe('what a peer sends by gRPC', () => {
  it.each([Number.NaN, 2 ** 53, -1, 0.5])('is malformed with the number %d', (number) => {
    const proto = { ...requestVoteProto(MESSAGES['request-vote']), last_log_index: number };
    expect(() => requestVoteOf(proto, ENVELOPE)).toThrow(/Malformed bytes/);
  });

  it('is malformed with an entry of unknown kind', () => {
    const proto: AppendEntriesProto = { ...appendProto(MESSAGES.append), entries: [{ term: 1, kind: 9, data: new Uint8Array() }] };
    expect(() => appendOf(proto, ENVELOPE)).toThrow(/unknown kind/);
  });
});
