import { setTimeout as sleep } from 'node:timers/promises';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { Exclusive } from '../cluster/exclusive.ts';
import type { RebuildReply } from '../cluster/rebuilds.ts';
import type { AskToRebuildCall, AskToRebuildCallback } from '../transport/grpc/raft-service.ts';

/** How long a question waits for the voters' replies; the node repeats it. */
const ANSWER_MS_MAX = 1_000;
const POLL_MS = 10;

export interface RebuildServiceOptions {
  readonly cluster: () => number;
  /** Of this node's core; undefined while it does not run. */
  readonly ask: (node: number, question: number) => RebuildReply | undefined;
}

/** Whether the damaged file of another node may be given up. A leader decides one question at a time: the next one would begin a new round. */
export class RebuildService {
  readonly #options: RebuildServiceOptions;
  readonly #order = new Exclusive();

  constructor(options: RebuildServiceOptions) {
    this.#options = options;
  }

  /** Part of the service Raft. */
  implementation(): UntypedServiceImplementation {
    return {
      AskToRebuild: ({ request }: AskToRebuildCall, reply: AskToRebuildCallback) => {
        const { cluster, node, question } = request;
        if (cluster === 0 || cluster !== this.#options.cluster()) {
          reply({ code: status.FAILED_PRECONDITION, details: `The call means cluster ${cluster}, which is not the one of this node.` });
          return;
        }
        this.#answer(node, question).then(
          (answer) => {
            const { isFromLeader = false, rejection } = answer ?? {};
            const isGranted = isFromLeader && rejection === undefined;
            reply(null, {
              ...{ from_leader: isFromLeader, granted: isGranted, reason: rejection?.message ?? '', is_final: rejection?.isFinal ?? false },
            });
          },
          (error: unknown) => reply({ code: status.INTERNAL, details: String(error) }),
        );
      },
    };
  }

  async #answer(node: number, question: number): Promise<RebuildReply | undefined> {
    return await this.#order.run(async () => {
      const untilMs = performance.now() + ANSWER_MS_MAX;
      for (;;) {
        const answer = this.#options.ask(node, question);
        if (answer === undefined || !answer.isFromLeader || answer.rejection === undefined || answer.rejection.isFinal) return answer;
        if (performance.now() >= untilMs) return answer;
        await sleep(POLL_MS);
      }
    });
  }
}
