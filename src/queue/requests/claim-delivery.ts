import { ByteReader } from '../../base/bytes.ts';
import type { ReplyAddress, ReplyDelivery } from '../../node/request-policy.ts';
import { decodeReply, REPLY_FORM_AT, ReplyForm } from '../../protocol/reply.ts';
import { NO_CLIENT, RequestEncoder, readRequestHeader } from '../../protocol/request-encoder.ts';
import { isRelease } from '../../protocol/validate-request.ts';

/** Most requests, and their bytes, that wait for a leader to be known; beyond the limit the oldest is dropped, and its leases expire. */
const REQUESTS_MAX = 1_024;
const REQUESTS_BYTES_MAX = 4 * 1024 * 1024;
/** Most replies of one channel that were sent and not acknowledged, besides the last; the leases of older ones expire. */
const SENT_MAX = 512;
const SENT_BYTES_MAX = 32 * 1024 * 1024;
/** The same for all channels of another node, of whose replies only the address is kept. */
const SENT_ELSEWHERE_MAX = 16 * 1024;
/** The same limit over all channels. */
const SENT_TOTAL_MAX = 64 * 1024;
const SENT_TOTAL_BYTES_MAX = 128 * 1024 * 1024;
/** Most ended channels that are remembered; beyond the limit the leases of a later reply expire. */
const GONE_MAX = 4_096;

/** Whether a reply may contain claimed jobs; reads only one byte. */
const mayClaim = (reply: Uint8Array): boolean => reply[REPLY_FORM_AT] === ReplyForm.attached;

/** In place of a reply that another node has passed on. */
const ELSEWHERE = new Uint8Array(0);

interface SentReply extends ReplyAddress {
  /** A channel to this node, or minus the id of the node that passed it on. */
  readonly channel: number;
  readonly reply: Uint8Array;
}

/** In sending order. */
class SentReplies {
  readonly #replies = new Set<SentReply>();
  #bytes = 0;

  get size(): number {
    return this.#replies.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): SentReply | undefined {
    return this.#replies.values().next().value;
  }

  add(sent: SentReply): void {
    this.#replies.add(sent);
    this.#bytes += sent.reply.length;
  }

  delete(sent: SentReply): void {
    if (this.#replies.delete(sent)) this.#bytes -= sent.reply.length;
  }

  values(): SentReply[] {
    return [...this.#replies];
  }
}

/**
 * Jobs whose claim was answered but whose client never received the reply, since its channel had ended. They are released: no other client
 * knows their tokens. The end of a channel is detected late, so a reply counts as delivered only when the client acknowledges it with a
 * later request. A client that repeats its claim may get the reply on several channels, of several nodes: while one of them has not ended, the
 * jobs stay with it, as far as the leader remembers what it sent.
 */
export class ClaimDelivery implements ReplyDelivery {
  readonly #encoder = new RequestEncoder(1_024);
  /** Sent and not acknowledged: all of them, and by channel and session. */
  readonly #sent = new SentReplies();
  readonly #channels = new Map<number, SentReplies>();
  readonly #sessions = new Map<number, SentReplies>();
  /** Ended channels, the latest last; channel numbers are never reused. */
  readonly #gone = new Set<number>();
  #requests: Uint8Array[] = [];
  #requestsBytes = 0;
  #isDue = false;

  /** Whether there are jobs to release that no turn has tried to release yet. */
  get isDue(): boolean {
    return this.#isDue;
  }

  get isEmpty(): boolean {
    return this.#requests.length === 0;
  }

  /** Bytes of the unacknowledged replies. */
  get sentBytes(): number {
    return this.#sent.bytes;
  }

  /** Whether an acknowledgement of this client has an effect. */
  awaits(client: number): boolean {
    return this.#sessions.has(client);
  }

  isTracked(reply: Uint8Array): boolean {
    return mayClaim(reply);
  }

  isOwn(request: Uint8Array): boolean {
    return isRelease(request);
  }

  /** @param reply kept until it is acknowledged. */
  onSent(connection: number, client: number, sequence: number, reply: Uint8Array): void {
    if (!mayClaim(reply)) return;
    if (this.#gone.has(connection)) this.#releaseLast({ channel: connection, client, sequence, reply });
    else this.#add({ channel: connection, client, sequence, reply }, SENT_MAX);
  }

  onSentBy(node: number, client: number, sequence: number, reply: Uint8Array): void {
    if (mayClaim(reply)) this.#add({ channel: -node, client, sequence, reply: ELSEWHERE }, SENT_ELSEWHERE_MAX);
  }

  /** The client has the replies to all requests of its session below this sequence, whichever channel they used. */
  onAcknowledged(client: number, below: number): void {
    for (const sent of this.#sessions.get(client)?.values() ?? []) if (sent.sequence < below) this.#drop(sent);
  }

  /** The session ended: its client was silent for long or continues in another session, and acknowledges nothing in this one any more. */
  onSessionEnded(client: number): void {
    for (const sent of this.#sessions.get(client)?.values() ?? []) this.#drop(sent);
  }

  /** The client's channel has ended. A job that the client has finished since is not affected. */
  onGone(connection: number): void {
    this.#gone.add(connection);
    for (const first of this.#gone) {
      if (this.#gone.size > GONE_MAX) this.#gone.delete(first);
      break;
    }
    const ended = this.#channels.get(connection)?.values() ?? [];
    for (const sent of ended) this.#drop(sent);
    for (const sent of ended) this.#releaseLast(sent);
  }

  onGoneAt(node: number, { client, sequence }: ReplyAddress): void {
    for (const sent of this.#sessions.get(client)?.values() ?? [])
      if (sent.channel === -node && sent.sequence === sequence) this.#drop(sent);
  }

  isSent({ client, sequence }: ReplyAddress): boolean {
    return (
      this.#sessions
        .get(client)
        ?.values()
        .some((sent) => sent.sequence === sequence) ?? false
    );
  }

  replyOf(request: Uint8Array): ReplyAddress | undefined {
    const { sequence, acknowledgedBelow } = readRequestHeader(new ByteReader(request));
    return acknowledgedBelow < 0 ? { client: -acknowledgedBelow, sequence } : undefined;
  }

  /** The request could not be proposed now; a later turn tries again. */
  putBack(request: Uint8Array): void {
    this.#requests.push(request);
    this.#requestsBytes += request.length;
    while (this.#requests.length > REQUESTS_MAX || (this.#requests.length > 1 && this.#requestsBytes > REQUESTS_BYTES_MAX)) {
      this.#requestsBytes -= this.#requests.shift()?.length ?? 0;
    }
  }

  /** @returns requests without a session that release the jobs. */
  take(): readonly Uint8Array[] {
    const requests = this.#requests;
    if (requests.length > 0) this.#requests = [];
    this.#requestsBytes = 0;
    this.#isDue = false;
    return requests;
  }

  #drop(sent: SentReply | undefined): void {
    if (sent === undefined) return;
    this.#sent.delete(sent);
    deleteFrom(this.#channels, sent.channel, sent);
    deleteFrom(this.#sessions, sent.client, sent);
  }

  #add(sent: SentReply, countMax: number): void {
    const channel = entryOf(this.#channels, sent.channel);
    for (const replies of [this.#sent, channel, entryOf(this.#sessions, sent.client)]) replies.add(sent);
    while (isTooMuch(channel, countMax, SENT_BYTES_MAX)) this.#drop(channel.oldest);
    while (isTooMuch(this.#sent, SENT_TOTAL_MAX, SENT_TOTAL_BYTES_MAX)) this.#drop(this.#sent.oldest);
  }

  /** Its channel has ended. @param sent is not among those that were sent any more. */
  #releaseLast(sent: SentReply): void {
    if (this.isSent(sent)) return;
    // Of the node's own request, which has no session, the other numbers of the header are free: they say which reply it takes back.
    this.#encoder.begin(NO_CLIENT, sent.sequence, -sent.client);
    for (const result of decodeReply(sent.reply).results) {
      if (result.ok && result.type === 'claimed')
        for (const { id, token } of result.jobs) this.#encoder.command('release', { jobId: id, token });
    }
    if (this.#encoder.operations === 0) return;
    this.putBack(this.#encoder.finish());
    this.#isDue = true;
  }
}

/** The newest is kept, whatever its size. */
const isTooMuch = (replies: SentReplies, countMax: number, bytesMax: number): boolean =>
  replies.size > countMax || (replies.bytes > bytesMax && replies.size > 1);

function entryOf(map: Map<number, SentReplies>, key: number): SentReplies {
  const known = map.get(key) ?? new SentReplies();
  map.set(key, known);
  return known;
}

function deleteFrom(map: Map<number, SentReplies>, key: number, sent: SentReply): void {
  const replies = map.get(key);
  replies?.delete(sent);
  if (replies?.size === 0) map.delete(key);
}
