import type { Config } from 'vega-lite';

/** Okabe and Ito's colours, which are distinguishable with any colour vision (2008). */
export const OKABE_ITO = {
  blue: '#0072B2',
  vermillion: '#D55E00',
  green: '#009E73',
  orange: '#E69F00',
  skyBlue: '#56B4E9',
  purple: '#CC79A7',
  black: '#000000',
} as const;

/** For figures that were not measured here. */
export const ELSEWHERE = '#767676';
export const INK = '#1a1a1a';
export const SOFT_INK = '#595959';
export const TITLE_SIZE_PX = 17;
export const SUBTITLE_SIZE_PX = 12;
const GRID = '#e6e6e6';
const PAPER = '#ffffff';

/** Every colour of a chart, and what it becomes where the reader prefers dark. */
const DARK: Readonly<Record<string, string>> = {
  [PAPER]: '#15181c',
  [INK]: '#ececec',
  [SOFT_INK]: '#a9b1b8',
  [GRID]: '#2f353b',
  [ELSEWHERE]: '#a0a0a0',
  [OKABE_ITO.black]: '#ffffff',
  [OKABE_ITO.blue]: '#3d9fe0',
  [OKABE_ITO.vermillion]: '#f0813a',
  [OKABE_ITO.green]: '#1fc291',
};

/**
 * A style sheet for the SVG of a chart: it follows the reader's preference. It overrides the colours as attributes of the marks, so that it
 * works for a file that was drawn before, and for one that is drawn in the page.
 * @param within a selector of what contains the SVG, with a blank at its end; empty inside of the file itself.
 */
export function darkChartCss(within = ''): string {
  const rules = Object.entries(DARK).flatMap(([light, dark]) =>
    ['fill', 'stroke'].map((attribute) => `${within}[${attribute}="${light}" i]{${attribute}:${dark}}`),
  );
  return `@media (prefers-color-scheme: dark){${rules.join('')}}`;
}

/** No frame, a light grid, sentences instead of legends. */
export function chartConfig(font: string): Config {
  return {
    font,
    background: PAPER,
    padding: 16,
    view: { stroke: null },
    title: {
      anchor: 'start',
      frame: 'bounds',
      fontSize: TITLE_SIZE_PX,
      fontWeight: 600,
      color: INK,
      subtitleFontSize: SUBTITLE_SIZE_PX,
      subtitleColor: SOFT_INK,
      subtitleLineHeight: 16,
      subtitlePadding: 6,
      offset: 18,
    },
    axis: {
      domain: false,
      ticks: false,
      grid: false,
      gridColor: GRID,
      labelColor: SOFT_INK,
      labelFontSize: 12,
      labelPadding: 6,
      labelLimit: 0,
      labelFlush: false,
      titleColor: SOFT_INK,
      titleFontSize: 12,
      titleFontWeight: 400,
      titlePadding: 10,
      titleLimit: 0,
    },
    header: { labelFontSize: 13, labelFontWeight: 600, labelColor: INK, labelLimit: 0, labelPadding: 2, title: null },
    text: { fontSize: 12, color: INK },
    legend: { disable: true },
  };
}

/** Drawn below a label, so that lines end before its letters. */
export const HALO = { stroke: PAPER, strokeWidth: 5, strokeJoin: 'round' } as const;
