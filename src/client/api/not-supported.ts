import { JobraftError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { nearestName } from '../../base/nearest-name.ts';

/** BullMQ has this method, property or event, and jobraft does not. Nothing was done. */
export class NotSupportedError extends JobraftError {
  override readonly code = 'NOT_SUPPORTED';
  /** As BullMQ names it: 'Queue.getMeta()', "Worker event 'progress'". */
  readonly feature: string;

  /** @param remedy what to use instead, as a sentence. */
  constructor(feature: string, remedy: string) {
    super(`${feature} is a feature of BullMQ that jobraft does not have yet. ${remedy}`);
    this.feature = feature;
  }
}

/** There is no event of this name, in BullMQ neither. */
export class UnknownEventError extends JobraftError {
  override readonly code = 'UNKNOWN_EVENT';
  readonly event: string;
  readonly validEvents: readonly string[];

  constructor(event: string, validEvents: readonly string[]) {
    const meant = nearestName(event, validEvents);
    super(
      `There is no event "${event}".${meant === undefined ? '' : ` Did you mean "${meant}"?`} ` +
        `Valid events: ${validEvents.join(', ')}.`,
    );
    this.event = event;
    this.validEvents = validEvents;
  }
}

/** From a name to its remedy. */
type Remedies = Readonly<Record<string, string>>;

/** The names of one of BullMQ's classes that the class of the same name does not have. */
export interface MissingNames {
  /** Methods that return a promise: it rejects. */
  readonly asyncMethods: Remedies;
  /** Methods that throw. */
  readonly methods: Remedies;
  /** Properties that throw when they are read or set. */
  readonly properties: Remedies;
  /** Properties that can be read, and throw when they are set. */
  readonly setters: Remedies;
  /** Static methods that return a promise. */
  readonly asyncStatics: Remedies;
  /** Static methods that throw. */
  readonly statics: Remedies;
  readonly events: Remedies;
}

/**
 * Gives a class the missing names, so that their use is a {@link NotSupportedError} at run time as it is an error in TypeScript. They are
 * not enumerable, and a subclass may define them.
 */
export function addMissingNames(to: { readonly prototype: object }, className: string, missing: MissingNames): void {
  const { prototype } = to;
  for (const [name, remedy] of Object.entries(missing.asyncMethods)) {
    addMethod(prototype, name, () => Promise.reject(new NotSupportedError(`${className}.${name}()`, remedy)));
  }
  for (const [name, remedy] of Object.entries(missing.methods)) {
    addMethod(prototype, name, () => reject(`${className}.${name}()`, remedy));
  }
  for (const [name, remedy] of Object.entries(missing.asyncStatics)) {
    addMethod(to, name, () => Promise.reject(new NotSupportedError(`${className}.${name}()`, remedy)));
  }
  for (const [name, remedy] of Object.entries(missing.statics)) addMethod(to, name, () => reject(`${className}.${name}()`, remedy));
  for (const [name, remedy] of Object.entries(missing.properties)) addProperty(prototype, name, `${className}.${name}`, remedy);
  for (const [name, remedy] of Object.entries(missing.setters)) addSetter(prototype, name, `Setting ${className}.${name}`, remedy);
}

const reject = (feature: string, remedy: string): never => {
  throw new NotSupportedError(feature, remedy);
};

function addMethod(to: object, name: string, call: () => unknown): void {
  checkFree(to, name);
  Object.defineProperty(to, name, { value: call, writable: true, configurable: true, enumerable: false });
}

function addProperty(prototype: object, name: string, feature: string, remedy: string): void {
  checkFree(prototype, name);
  Object.defineProperty(prototype, name, {
    get: () => reject(feature, remedy),
    set(this: object, value: unknown) {
      if (Object.getPrototypeOf(this) === prototype) reject(feature, remedy);
      // A subclass that is compiled with assignments in place of fields.
      Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
    },
    configurable: true,
    enumerable: false,
  });
}

function addSetter(prototype: object, name: string, feature: string, remedy: string): void {
  const existing = Object.getOwnPropertyDescriptor(prototype, name);
  invariant(existing?.get !== undefined && existing.set === undefined, () => `${feature}: the class has no getter alone`);
  Object.defineProperty(prototype, name, { ...existing, set: () => reject(feature, remedy) });
}

function checkFree(to: object, name: string): void {
  invariant(!Object.hasOwn(to, name), () => `the class has "${name}": remove it from the missing names`);
}
