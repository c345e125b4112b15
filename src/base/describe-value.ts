/** What "jobraft tokens" makes, also the beginning of one. No error shows it. */
const SECRETS = /jobraft_[A-Za-z0-9_-]{24,}/g;
/** Longest description, in characters: enough to recognise a value in an error message. */
const DESCRIPTION_LENGTH_MAX = 200;

/**
 * Describes any value for an error message: as JSON if possible, otherwise by name. Never throws, independent of the value's
 * getters, proxies, `toJSON` and `toString`.
 */
export function describeValue(value: unknown): string {
  try {
    return shortened(describe(value)).replaceAll(SECRETS, 'jobraft_…');
  } catch {
    return typeof value === 'function' ? 'a function' : 'an object that cannot be read';
  }
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      // Shortened first: a string may have half a gigabyte.
      return JSON.stringify(shortened(value));
    case 'bigint':
      return `${value}n`;
    case 'function':
      return value.name === '' ? 'a function' : `the function ${value.name}`;
    case 'object':
      return value === null ? 'null' : describeObject(value);
    default:
      return String(value);
  }
}

function describeObject(value: object): string {
  if (value instanceof Error) return `the error ${describe(value.message)}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  const isData = isPlain || ('toJSON' in value && !ArrayBuffer.isView(value));
  if (isData) return JSON.stringify(value, withoutGaps) ?? 'an object';
  return `an object of the class ${value.constructor.name}`;
}

/** Describes the values that JSON cannot represent. */
function withoutGaps(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function shortened(text: string): string {
  return text.length <= DESCRIPTION_LENGTH_MAX ? text : `${text.slice(0, DESCRIPTION_LENGTH_MAX)}…`;
}
