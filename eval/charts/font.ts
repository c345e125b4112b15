import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../measuring/package-root.ts';

type Weight = 'Regular' | 'SemiBold';
const FAMILY = 'Inter';
const CSS_WEIGHTS: Readonly<Record<Weight, number>> = { Regular: 400, SemiBold: 600 };

const fontFile = (weight: Weight, extension: 'otf' | 'woff2'): string =>
  join(packageRoot(), 'config', 'fonts', `${FAMILY}-${weight}.${extension}`);

/** The bundled font's files, for the renderer of PNG. */
export const fontFiles = (): string[] => [fontFile('Regular', 'otf'), fontFile('SemiBold', 'otf')];

/** CSS that carries the bundled font, so that an SVG or HTML file looks the same on every machine. */
export function fontFaceCss(): string {
  return (['Regular', 'SemiBold'] as const)
    .map((weight) => {
      const data = readFileSync(fontFile(weight, 'woff2')).toString('base64');
      return `@font-face{font-family:${FAMILY};font-weight:${CSS_WEIGHTS[weight]};src:url(data:font/woff2;base64,${data}) format('woff2')}`;
    })
    .join('\n');
}

/** The width of each character, from the font file. */
export class FontAdvances {
  readonly #unitsPerEm: number;
  readonly #advances: ReadonlyMap<number, number>;
  readonly #missing: number;

  /** @param bytes an OpenType or TrueType file with a Unicode `cmap` of format 4. */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const tables = readTables(view);
    this.#unitsPerEm = view.getUint16(tableAt(tables, 'head') + 18);
    const glyphAdvance = readGlyphAdvances(view, tableAt(tables, 'hhea'), tableAt(tables, 'hmtx'));
    const advances = new Map<number, number>();
    for (const [character, glyph] of readCharacterMap(view, tableAt(tables, 'cmap'))) advances.set(character, glyphAdvance(glyph));
    this.#advances = advances;
    this.#missing = glyphAdvance(0);
  }

  static of(weight: Weight): FontAdvances {
    return new FontAdvances(readFileSync(fontFile(weight, 'otf')));
  }

  /** @returns the width of the text in pixels, without kerning, which the bundled font does not have. */
  width(text: string, fontSizePx: number): number {
    let units = 0;
    for (const character of text) units += this.#advances.get(character.codePointAt(0) ?? 0) ?? this.#missing;
    return (units * fontSizePx) / this.#unitsPerEm;
  }
}

function readTables(view: DataView): ReadonlyMap<string, number> {
  const tables = new Map<string, number>();
  for (let table = 0; table < view.getUint16(4); table += 1) {
    const at = 12 + table * 16;
    const tag = String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
    tables.set(tag, view.getUint32(at + 8));
  }
  return tables;
}

function tableAt(tables: ReadonlyMap<string, number>, tag: string): number {
  const at = tables.get(tag);
  if (at === undefined) throw new Error(`The font has no table "${tag}".`);
  return at;
}

/** OpenType `hmtx`: the last advance applies to all further glyphs. */
function readGlyphAdvances(view: DataView, hhea: number, hmtx: number): (glyph: number) => number {
  const count = view.getUint16(hhea + 34);
  return (glyph) => view.getUint16(hmtx + Math.min(glyph, count - 1) * 4);
}

/** OpenType `cmap` format 4: segments of characters, each with a shift or a list of glyphs. */
function readCharacterMap(view: DataView, cmap: number): ReadonlyMap<number, number> {
  const characters = new Map<number, number>();
  const table = findFormat4(view, cmap);
  const segments = view.getUint16(table + 6) / 2;
  const ends = table + 14;
  const starts = ends + segments * 2 + 2;
  const deltas = starts + segments * 2;
  const offsets = deltas + segments * 2;
  for (let segment = 0; segment < segments; segment += 1) {
    const start = view.getUint16(starts + segment * 2);
    const end = view.getUint16(ends + segment * 2);
    const delta = view.getUint16(deltas + segment * 2);
    const offset = view.getUint16(offsets + segment * 2);
    for (let character = start; character <= end && character < 0xffff; character += 1) {
      const listed = offset === 0 ? character : view.getUint16(offsets + segment * 2 + offset + (character - start) * 2);
      characters.set(character, offset !== 0 && listed === 0 ? 0 : (listed + delta) & 0xffff);
    }
  }
  return characters;
}

function findFormat4(view: DataView, cmap: number): number {
  for (let table = 0; table < view.getUint16(cmap + 2); table += 1) {
    const at = cmap + view.getUint32(cmap + 4 + table * 8 + 4);
    if (view.getUint16(at) === 4) return at;
  }
  throw new Error('The font has no character map of format 4.');
}
