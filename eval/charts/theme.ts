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
export const SUBTITLE_SIZE_PX = 12;
const GRID = '#e6e6e6';

/** No frame, a light grid, sentences instead of legends. */
export function chartConfig(font: string): Config {
  return {
    font,
    background: '#ffffff',
    padding: 16,
    view: { stroke: null },
    title: {
      anchor: 'start',
      frame: 'bounds',
      fontSize: 17,
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
export const HALO = { stroke: '#ffffff', strokeWidth: 5, strokeJoin: 'round' } as const;
