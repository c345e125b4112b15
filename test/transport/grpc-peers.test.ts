import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { makeGeneration } from '../../src/base/generation.ts';
import { asNodeId, type NodeId } from '../../src/base/ids.ts';
import type { RaftMessage, RaftMessageType } from '../../src/raft/message.ts';
import { channelOptions } from '../../src/transport/grpc/channel-options.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { helloMetadata, lifeIn } from '../../src/transport/grpc/peer-metadata.ts';
import { type AppendEntriesProto, appendOf, appendProto, requestVoteOf, requestVoteProto } from '../../src/transport/grpc/raft-protos.ts';
import { raftClient } from '../../src/transport/grpc/raft-service.ts';
import { type PeerPart, writePeerPart } from '../../src/transport/peer-frame.ts';
import type { PeerIdentity } from '../../src/transport/peer-identity.ts';
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

/** Node 1, and a client that calls it as node 2 would. */
async function aCalledNode() {
  const received = new Received();
  const own: PeerIdentity = { cluster: 77, node: 1, disk: 11, generation: makeGeneration(5, 1), life: 1_001 };
  const caller: PeerIdentity = { cluster: 77, node: 2, disk: 22, generation: makeGeneration(8, 1), life: 2_001 };
  const { address, close } = await new GrpcNetwork().listen(own, received, undefined);
  const client = raftClient(address, { options: channelOptions(1_000_000), security: UNSECURED });
  onTestFinished(async () => {
    client.close();
    await close();
  });
  /** @returns the welcome of the node, or why it rejected the call. */
  const exchange = (channel: number, identity = caller): Promise<number | string> =>
    new Promise((resolve) => {
      const stream = client.Exchange(helloMetadata(identity, 1, channel, 0));
      stream.on('metadata', (metadata) => resolve(lifeIn(metadata).life));
      stream.on('error', ({ details }: ServiceError) => resolve(details)).resume();
    });
  const append = (channel: number, { identity = caller, toLife = own.life } = {}) => {
    const stream = client.AppendEntries(helloMetadata(identity, 1, channel, toLife));
    const ended = new Promise<string>((resolve) => {
      stream.on('error', ({ details }: ServiceError) => resolve(details));
      stream.on('end', () => resolve('ended')).resume();
    });
    const send = (round: number): unknown => stream.write({ ...appendProto(MESSAGES.append), round });
    return { send, ended };
  };
  const rounds = (): number[] => received.messages.map((message) => (message.type === 'append' ? message.round : -1));
  return { caller, exchange, append, rounds };
}

describe('the calls of a channel over gRPC', () => {
  it('count while the channel is open, and no longer once the peer has opened another one', async () => {
    const { exchange, append, rounds } = await aCalledNode();
    expect(await exchange(1)).toBe(1_001);
    const first = append(1);
    first.send(10);
    await until(() => rounds().includes(10));
    expect(await exchange(2)).toBe(1_001);
    first.send(11);
    expect(await first.ended).toBe('ended');
    const second = append(2);
    second.send(20);
    await until(() => rounds().includes(20));
    expect(await append(1).ended).toMatch(/has not opened this channel with Exchange, or it has ended/);
    expect(await exchange(1)).toMatch(/has a later channel to this node/);
    expect(rounds()).toEqual([10, 20]);
  });

  it('count on the newest stream of their kind only', async () => {
    const { exchange, append, rounds } = await aCalledNode();
    await exchange(1);
    const first = append(1);
    first.send(10);
    await until(() => rounds().includes(10));
    const second = append(1);
    second.send(20);
    await until(() => rounds().includes(20));
    first.send(11);
    expect(await first.ended).toBe('ended');
    second.send(21);
    await until(() => rounds().includes(21));
    expect(rounds()).toEqual([10, 20, 21]);
  });

  it('are rejected before Exchange, in another life of the caller, and for an earlier life of the node', async () => {
    const { caller, exchange, append, rounds } = await aCalledNode();
    expect(await append(1).ended).toMatch(/has not opened this channel/);
    await exchange(1);
    expect(await append(1, { identity: { ...caller, life: 2_002 } }).ended).toMatch(/has not opened this channel/);
    expect(await append(1, { toLife: 1_000 }).ended).toMatch(/means an earlier life of node 1/);
    const later = { ...caller, generation: makeGeneration(9, 2), life: 2_003 };
    expect(await exchange(1, later)).toBe(1_001);
    expect(await append(1).ended).toMatch(/has not opened this channel/);
    expect(await exchange(2)).toMatch(/A later life of node 2 has a channel/);
    append(1, { identity: later }).send(30);
    await until(() => rounds().length > 0);
    expect(rounds()).toEqual([30]);
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
