import { decodeReply, REPLY_FORM_AT, ReplyForm } from '../queue/reply.ts';
import { NO_CLIENT, RequestEncoder } from '../queue/request.ts';

/** Most requests that wait for a leader to be known; beyond it the oldest is dropped, and its leases run out. */
const REQUESTS_MAX = 1_024;
/** Most answers of one session that were sent and are not acknowledged, beside the last; the leases of older ones run out. */
const SENT_MAX = 512;
const SENT_BYTES_MAX = 32 * 1024 * 1024;
/** Most channels that are remembered; beyond it the leases of an answer that comes even later run out. */
const GONE_MAX = 4_096;

/** Whether there may be claimed jobs in a reply; only a look at one byte. */
export const mayClaim = (reply: Uint8Array): boolean => reply[REPLY_FORM_AT] === ReplyForm.attached;

interface SentReply {
  readonly sequence: number;
  readonly reply: Uint8Array;
}

interface SentReplies {
  /** In the order of their sending. */
  readonly replies: SentReply[];
  bytes: number;
}

/**
 * Jobs whose claim was answered, and whose client never got the answer, since its channel had ended. They are released: no other client knows
 * their tokens. The end of a channel is heard of late, so that an answer counts as delivered only when the client acknowledges it with a
 * later request.
 */
export class ClaimDelivery {
  readonly #encoder = new RequestEncoder(1_024);
  /** Sent and not acknowledged, by connection and session. */
  readonly #sent = new Map<number, Map<number, SentReplies>>();
  /** Channels that have ended, the latest; no later one has the same number. */
  readonly #gone = new Set<number>();
  #requests: Uint8Array[] = [];
  #isDue = false;

  /** There are jobs to release that no turn has tried to release yet. */
  get isDue(): boolean {
    return this.#isDue;
  }

  get isEmpty(): boolean {
    return this.#requests.length === 0;
  }

  /** Whether an acknowledgement of this client matters. */
  awaits(connection: number, client: number): boolean {
    return this.#sent.get(connection)?.has(client) ?? false;
  }

  /** @param reply kept until it is acknowledged. */
  onSent(connection: number, client: number, sequence: number, reply: Uint8Array): void {
    if (!mayClaim(reply)) return;
    if (this.#gone.has(connection)) {
      this.#release(reply);
      return;
    }
    let sessions = this.#sent.get(connection);
    if (sessions === undefined) {
      sessions = new Map();
      this.#sent.set(connection, sessions);
    }
    const sent = sessions.get(client) ?? { replies: [], bytes: 0 };
    sessions.set(client, sent);
    sent.replies.push({ sequence, reply });
    sent.bytes += reply.length;
    while (sent.replies.length > SENT_MAX || (sent.bytes > SENT_BYTES_MAX && sent.replies.length > 1)) {
      sent.bytes -= sent.replies.shift()?.reply.length ?? 0;
    }
  }

  /** The client has the answers to all requests of its session below this sequence. */
  onAcknowledged(connection: number, client: number, below: number): void {
    const sessions = this.#sent.get(connection);
    const replies = sessions?.get(client)?.replies.filter(({ sequence }) => sequence >= below);
    if (sessions === undefined || replies === undefined) return;
    if (replies.length > 0) sessions.set(client, { replies, bytes: replies.reduce((sum, { reply }) => sum + reply.length, 0) });
    else sessions.delete(client);
    if (sessions.size === 0) this.#sent.delete(connection);
  }

  /** The client's channel has ended. A job that it has ended since is not affected. */
  onGone(connection: number): void {
    const sessions = this.#sent.get(connection);
    this.#sent.delete(connection);
    this.#gone.add(connection);
    for (const first of this.#gone) {
      if (this.#gone.size > GONE_MAX) this.#gone.delete(first);
      break;
    }
    for (const { replies } of sessions?.values() ?? []) for (const { reply } of replies) this.#release(reply);
  }

  /** The request could not be proposed now, and goes with a later turn. */
  putBack(request: Uint8Array): void {
    this.#requests.push(request);
    if (this.#requests.length > REQUESTS_MAX) this.#requests.shift();
  }

  /** @returns requests without a session that release the jobs. */
  take(): readonly Uint8Array[] {
    const requests = this.#requests;
    if (requests.length > 0) this.#requests = [];
    this.#isDue = false;
    return requests;
  }

  #release(reply: Uint8Array): void {
    this.#encoder.begin(NO_CLIENT, 1, 1);
    for (const result of decodeReply(reply).results) {
      if (result.ok && result.type === 'claimed') for (const { id, token } of result.jobs) this.#encoder.release(id, token);
    }
    if (this.#encoder.operations === 0) return;
    this.putBack(this.#encoder.finish());
    this.#isDue = true;
  }
}
