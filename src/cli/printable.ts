/** Control characters, and those that reverse the direction of text: a terminal executes them. */
const EXECUTED = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A text from a job or from the command line, for one line of a terminal: control characters become escapes.
 * @param charactersMax a longer text is cut, and ends with an ellipsis.
 */
export function printable(text: string, charactersMax = Number.POSITIVE_INFINITY): string {
  return shortened(text, charactersMax).replace(EXECUTED, escaped);
}

/** JSON escapes U+0000 to U+001F by itself. */
export const printableJson = (json: string): string => json.replace(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, escaped);

/** At most this many characters; what is cut becomes an ellipsis. */
export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  // A character has at most two units: only the beginning of a long text is split.
  const characters = [...text.slice(0, 2 * charactersMax + 2)];
  return characters.length <= charactersMax ? text : `${characters.slice(0, Math.max(0, charactersMax - 1)).join('')}…`;
}

function escaped(character: string): string {
  return NAMED[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
