import type { ServiceError } from '@grpc/grpc-js';
import { CHANNEL_PROTOCOL } from '../handshake.ts';
import type { Channels } from './channel-security.ts';
import { type IntroduceCall, type IntroduceCallback, type IntroductionProto, type RaftClient, raftClient } from './raft-service.ts';

const CALL_EVERY_MS = 200;
const CALL_MS_MAX = 2_000;

/** What a node says of itself before any other call. */
export interface Introduced {
  readonly protocol: number;
  readonly clusterName: string;
  readonly node: number;
  readonly disk: number;
  /** The nodes of its configuration. */
  readonly nodes: readonly number[];
  /** Zero in a node whose folder is new. */
  readonly cluster: number;
  readonly founders: readonly { readonly node: number; readonly disk: number }[];
}

/** Calls one node, once. @returns the error if it does not reply in time. */
export async function introduceTo(
  address: string,
  own: Omit<Introduced, 'protocol'>,
  channels: Channels,
  withinMs = CALL_MS_MAX,
): Promise<Introduced | ServiceError> {
  const client = raftClient(address, channels);
  try {
    return await new Promise((resolve) => {
      client.Introduce(introductionProto(own), { deadline: Date.now() + withinMs }, (error, response) => {
        if (error !== null) resolve(error);
        else if (response !== undefined) resolve(introducedOf(response));
      });
    });
  } finally {
    client.close();
  }
}

export interface IntroductionsOptions {
  readonly own: () => Omit<Introduced, 'protocol'>;
  /** Whom to call, by node. */
  readonly addresses: ReadonlyMap<number, string>;
  readonly channels: Channels;
  /** @param node as the configuration names what was called; undefined for a node that called this one. */
  readonly onIntroduced: (other: Introduced, node: number | undefined) => void;
}

/** Exchanges introductions with the other nodes, until it is disposed. A node that knows its cluster only replies. */
export class Introductions implements Disposable {
  readonly #options: IntroductionsOptions;
  readonly #clients = new Map<number, RaftClient>();
  readonly #waiting = new Set<number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IntroductionsOptions) {
    this.#options = options;
  }

  /** Part of the service Raft. It replies to every caller: what fits is for the caller to judge. */
  readonly serve = ({ request }: IntroduceCall, reply: IntroduceCallback): void => {
    this.#options.onIntroduced(introducedOf(request), undefined);
    reply(null, introductionProto(this.#options.own()));
  };

  /** Calls the other nodes, again and again. */
  start(): void {
    for (const [node, address] of this.#options.addresses) {
      this.#clients.set(node, raftClient(address, this.#options.channels, node));
      this.#call(node);
    }
    this.#timer = setInterval(() => {
      for (const node of this.#clients.keys()) this.#call(node);
    }, CALL_EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #call(node: number): void {
    if (this.#waiting.has(node)) return;
    this.#waiting.add(node);
    const deadline = Date.now() + CALL_MS_MAX;
    this.#clients.get(node)?.Introduce(introductionProto(this.#options.own()), { deadline }, (error, response) => {
      this.#waiting.delete(node);
      if (error === null && response !== undefined && this.#clients.has(node)) this.#options.onIntroduced(introducedOf(response), node);
    });
  }
}

const introductionProto = ({ clusterName, founders, nodes, ...own }: Omit<Introduced, 'protocol'>): IntroductionProto => ({
  ...own,
  protocol: CHANNEL_PROTOCOL,
  cluster_name: clusterName,
  nodes: [...nodes],
  founders: [...founders],
});

const introducedOf = ({ cluster_name, ...introduced }: IntroductionProto): Introduced => ({ ...introduced, clusterName: cluster_name });
