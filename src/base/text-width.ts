const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Each of its characters has one column. */
const NARROW = /^[\x20-\x7e]*$/;
/** Characters that take two columns: emoji, and those that are wide in East Asian scripts (Unicode Standard Annex 11). */
const WIDE =
  /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|\p{Regional_Indicator}{2}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}])/u;
/** Characters that take none, if nothing is before them. */
const INVISIBLE = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u;

/** How many columns of a terminal a text takes, without control characters. */
export function textWidth(text: string): number {
  if (NARROW.test(text)) return text.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) width += widthOf(segment);
  return width;
}

/** At most this many columns of a terminal; what is cut becomes an ellipsis. */
export function cutToWidth(text: string, widthMax: number): string {
  if (textWidth(text) <= widthMax) return text;
  let width = 1;
  let kept = '';
  for (const { segment } of GRAPHEMES.segment(text)) {
    width += widthOf(segment);
    if (width > widthMax) break;
    kept += segment;
  }
  return widthMax < 1 ? '' : `${kept}…`;
}

function widthOf(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}
