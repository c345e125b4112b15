import { createRequire } from 'node:module';
import type { Attributes, Span } from '@opentelemetry/api';

type Api = typeof import('@opentelemetry/api');

/**
 * - `add`: from the call to the commit of the job, or jobs; `claim`: from the request to its jobs; `process`: the processor;
 *   `complete`, `fail`: from the end of the processor to the commit of its outcome
 * - `replicate`: at the leader, from the proposal of an entry, which is a batch of requests, to its commit
 */
export type Operation = 'add' | 'claim' | 'process' | 'complete' | 'fail' | 'replicate';

interface Traits {
  readonly kind: 'PRODUCER' | 'CLIENT' | 'CONSUMER' | 'INTERNAL';
  /** As OpenTelemetry names it for messaging; none for what is inside of the cluster. */
  readonly type: 'send' | 'receive' | 'process' | 'settle' | undefined;
  /** It serves many calls, or is caused by none: the span that happens to be active is not its parent. */
  readonly isRoot: boolean;
}

const OPERATIONS: Readonly<Record<Operation, Traits>> = {
  add: { kind: 'PRODUCER', type: 'send', isRoot: false },
  claim: { kind: 'CLIENT', type: 'receive', isRoot: true },
  process: { kind: 'CONSUMER', type: 'process', isRoot: true },
  complete: { kind: 'CLIENT', type: 'settle', isRoot: false },
  fail: { kind: 'CLIENT', type: 'settle', isRoot: false },
  replicate: { kind: 'INTERNAL', type: undefined, isRoot: true },
};

/** Where version 1 of the API, of whatever copy, keeps what an application has registered. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');
interface GlobalOfApi {
  readonly [REGISTERED]?: { readonly trace?: unknown };
}
const NAME = 'jobraft';
let loaded: Api | undefined;

/**
 * Starts a span of an operation on a queue.
 * @param parent by default the span that is active in the caller, for operations that have one.
 * @returns undefined where the application registered no tracer: then nothing of OpenTelemetry is loaded, and the call costs one look.
 */
export function startSpan(operation: Operation, queue: string, jobId?: string, parent?: OperationSpan): OperationSpan | undefined {
  const api = registeredApi();
  if (api === undefined) return undefined;
  const { kind, type, isRoot } = OPERATIONS[operation];
  const attributes = {
    'messaging.system': NAME,
    'messaging.destination.name': queue,
    'messaging.operation.name': operation,
    'messaging.operation.type': type,
    'messaging.message.id': jobId,
  };
  const active = api.context.active();
  const under = parent === undefined ? active : api.trace.setSpan(active, parent.span);
  const options = { kind: api.SpanKind[kind], attributes, root: isRoot };
  return new OperationSpan(api, api.trace.getTracer(NAME).startSpan(`${operation} ${queue}`, options, under));
}

/** One entry that a leader proposed and that is committed, in ms of the thread's monotonic clock. */
export interface ReplicatedEntry {
  readonly index: number;
  readonly proposedMs: number;
  readonly committedMs: number;
}

/** A span of its own for each entry: a batch of requests belongs to no single trace. */
export function traceReplication(node: number, { index, proposedMs, committedMs }: ReplicatedEntry): void {
  const api = registeredApi();
  if (api === undefined) return;
  const { kind, isRoot } = OPERATIONS.replicate;
  const attributes = { 'jobraft.node': node, 'jobraft.entry.index': index };
  const startTime = performance.timeOrigin + proposedMs;
  const span = api.trace.getTracer(NAME).startSpan('replicate', { kind: api.SpanKind[kind], attributes, root: isRoot, startTime });
  span.end(performance.timeOrigin + committedMs);
}

/** A span that has begun. */
export class OperationSpan {
  readonly span: Span;
  readonly #api: Api;

  constructor(api: Api, span: Span) {
    this.#api = api;
    this.span = span;
  }

  /** Runs it as the active span: what the function traces belongs to it. */
  activate<Result>(run: () => Result): Result {
    const { context, trace } = this.#api;
    return context.with(trace.setSpan(context.active(), this.span), run);
  }

  end(attributes: Attributes = {}): void {
    this.span.setAttributes(attributes);
    this.span.end();
  }

  /** @param error with the code, if it is one of ours. */
  fail(error: unknown): void {
    const { name, message } = error instanceof Error ? error : { name: typeof error, message: String(error) };
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    this.span.setAttribute('error.type', typeof code === 'string' ? code : name);
    this.span.recordException({ name, message });
    this.span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message });
    this.span.end();
  }

  /** Ends with the promise. @returns it, so that nothing is handled here that the caller should handle. */
  async over<Result>(promise: Promise<Result>, attributesOf: (result: Result) => Attributes): Promise<Result> {
    try {
      const result = await promise;
      this.end(attributesOf(result));
      return result;
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }
}

function registeredApi(): Api | undefined {
  // By its key: on the way of every job, and five times as fast as Reflect.get().
  if ((globalThis as GlobalOfApi)[REGISTERED]?.trace === undefined) return undefined;
  loaded ??= createRequire(import.meta.url)('@opentelemetry/api') as Api;
  return loaded;
}
