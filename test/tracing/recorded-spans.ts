import { AsyncLocalStorage } from 'node:async_hooks';
import { type Attributes, type Context, context, ROOT_CONTEXT, type Span, type SpanOptions, trace } from '@opentelemetry/api';
import { onTestFinished } from 'vitest';

/** A span as a test sees it. */
export interface RecordedSpan {
  readonly name: string;
  readonly kind: number | undefined;
  readonly parent: string | undefined;
  readonly attributes: Attributes;
  error: string | undefined;
  startTime: unknown;
  endTime: unknown;
  ends: number;
}

const NAME_OF = new WeakMap<object, string>();

/** An SDK that keeps all spans, registered until the end of the test. The application's copy of the API need not be the one that jobraft loads. */
export function recordSpans(): RecordedSpan[] {
  const spans: RecordedSpan[] = [];
  const storage = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (of, run, thisArg, ...args) => storage.run(of, () => Reflect.apply(run, thisArg, args)),
    bind: (_of, target) => target,
    enable() {
      return this;
    },
    disable() {
      storage.disable();
      return this;
    },
  });
  const startSpan = (name: string, { kind, attributes, root, startTime }: SpanOptions = {}, of = context.active()): Span => {
    const parent = root === true ? undefined : trace.getSpan(of);
    const recorded: RecordedSpan = {
      ...{ name, kind, parent: parent === undefined ? undefined : NAME_OF.get(parent), attributes: { ...attributes }, startTime },
      ...{ error: undefined, endTime: undefined, ends: 0 },
    };
    spans.push(recorded);
    const span: Partial<Span> = {
      setAttribute: (key, value) => {
        recorded.attributes[key] = value;
        return span as Span;
      },
      setAttributes: (attributesOf) => {
        Object.assign(recorded.attributes, attributesOf);
        return span as Span;
      },
      setStatus: ({ message }) => {
        recorded.error = message;
        return span as Span;
      },
      recordException: () => undefined,
      end: (endTime) => {
        recorded.endTime = endTime;
        recorded.ends += 1;
      },
    };
    NAME_OF.set(span, name);
    return span as Span;
  };
  trace.setGlobalTracerProvider({
    getTracer: () => ({
      startSpan,
      startActiveSpan: () => {
        throw new Error('not used');
      },
    }),
  });
  onTestFinished(() => {
    trace.disable();
    context.disable();
  });
  return spans;
}
