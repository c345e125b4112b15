import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isSystemError, messageOf, UserError } from '../measuring/user-error.ts';
import type { Chart } from './chart.ts';
import { renderPng, renderSvg } from './render-chart.ts';

/** Spec, SVG and PNG of one chart. @returns the SVG's path. @throws {UserError} when they cannot be written. */
export async function writeChart(chart: Chart, folder: string): Promise<string> {
  const { name, spec } = chart;
  const plots = resolve(folder);
  const svg = await renderSvg(chart);
  writing(() => {
    mkdirSync(plots, { recursive: true });
    writeFileSync(join(plots, `${name}.vl.json`), `${JSON.stringify(spec, undefined, 2)}\n`);
    writeFileSync(join(plots, `${name}.svg`), svg);
    writeFileSync(join(plots, `${name}.png`), renderPng(svg));
  });
  return join(plots, `${name}.svg`);
}

/**
 * The same for a chart of the published session: copies its files, which a test compares with its rows, and draws only what is missing.
 * @param published its folder of charts.
 */
export async function copyChart(chart: Chart, published: string, folder: string): Promise<string> {
  const plots = resolve(folder);
  const files = ['vl.json', 'png', 'svg'].map((type) => `${chart.name}.${type}`);
  if (!files.every((file) => existsSync(join(published, file)))) return writeChart(chart, folder);
  writing(() => {
    mkdirSync(plots, { recursive: true });
    for (const file of files) copyFileSync(join(published, file), join(plots, file));
  });
  return join(plots, `${chart.name}.svg`);
}

function writing(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UserError(`Charts cannot be written (${messageOf(error)}). Free some space, or name another folder with --plots-out.`, {
      cause: error,
    });
  }
}
