import { Resvg } from '@resvg/resvg-js';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Chart } from './chart.ts';
import { FontAdvances, fontFaceCss, fontFiles } from './font.ts';
import { darkChartCss } from './theme.ts';

/** Pixels of the PNG per pixel of the chart: sharp on dense screens. */
const PNG_SCALE = 2;

/** Text measurement of vega-scenegraph; re-exported by vega, and missing in its typings. */
interface MeasuredText {
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
}
interface TextMetrics {
  width: (item: MeasuredText, text: unknown) => number;
}

let isMeasured = false;

/**
 * Vega measures text with a canvas, and guesses 0.8 em a character where there is none, as here. The bundled font's own
 * advances are exact, so nothing overlaps or is cut.
 */
function measureWithFont(): void {
  if (isMeasured) return;
  isMeasured = true;
  const regular = FontAdvances.of('Regular');
  const semiBold = FontAdvances.of('SemiBold');
  const isSemiBold = (weight: string | number | undefined): boolean => weight === 'bold' || Number(weight) >= 600;
  // The only cast: the typings leave out `textMetrics`, whose `width` vega documents as replaceable.
  const { textMetrics } = vega as unknown as { readonly textMetrics: TextMetrics };
  textMetrics.width = (item, text) => {
    const font = isSemiBold(item.fontWeight) ? semiBold : regular;
    return font.width(String(text ?? '').trim(), item.fontSize ?? 11);
  };
}

/** Vega-Lite to Vega, which the HTML report runs itself. */
export const compileChart = (spec: TopLevelSpec): vega.Spec => compile(spec).spec;

/** @returns the SVG with its title, its question, the bundled font and its colours for dark surroundings inside. */
export async function renderSvg({ spec, title, question }: Pick<Chart, 'spec' | 'title' | 'question'>): Promise<string> {
  measureWithFont();
  const view = new vega.View(vega.parse(compileChart(spec)), { renderer: 'none' });
  try {
    const svg = await view.toSVG();
    const described = `<title>${escapeXml(title)}</title><desc>${escapeXml(question)}</desc>`;
    const style = `<style>${fontFaceCss()}${darkChartCss()}</style>`;
    return svg.replace(/<svg([^>]*)>/, (_, attributes: string) => `<svg role="img"${attributes}>${described}${style}`);
  } finally {
    view.finalize();
  }
}

const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function renderPng(svg: string): Uint8Array {
  const resvg = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: PNG_SCALE },
    font: { loadSystemFonts: false, fontFiles: fontFiles(), defaultFontFamily: 'Inter' },
  });
  return resvg.render().asPng();
}
