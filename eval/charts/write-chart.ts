import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isSystemError, messageOf, UserError } from '../measuring/user-error.ts';
import type { Chart } from './chart.ts';
import { renderPng, renderSvg } from './render-chart.ts';

/** Spec, SVG and PNG of one chart. @returns the SVG's path. @throws {UserError} when they cannot be written. */
export async function writeChart(chart: Chart, folder: string): Promise<string> {
  const { name, spec } = chart;
  const plots = resolve(folder);
  const svg = await renderSvg(chart);
  try {
    mkdirSync(plots, { recursive: true });
    writeFileSync(join(plots, `${name}.vl.json`), `${JSON.stringify(spec, undefined, 2)}\n`);
    writeFileSync(join(plots, `${name}.svg`), svg);
    writeFileSync(join(plots, `${name}.png`), renderPng(svg));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UserError(`Charts cannot be written (${messageOf(error)}). Free some space, or name another folder with --plots-out.`, {
      cause: error,
    });
  }
  return join(plots, `${name}.svg`);
}
