import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly panels: readonly Panel[];
}

export const RULES_FILE = join(root, 'config/alert-rules.yaml');

export function alertRules(): readonly AlertRule[] {
  const { groups } = parse(readFileSync(RULES_FILE, 'utf8')) as { readonly groups: readonly { readonly rules: readonly AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export const dashboard = (): Dashboard => JSON.parse(readFileSync(join(root, 'config/grafana-dashboard.json'), 'utf8')) as Dashboard;

/** The names of all series that the dashboard and the alerts use, with the suffixes of histograms. */
export function shownSeries(): string[] {
  const { panels, templating } = dashboard();
  const expressions = [
    ...alertRules().map(({ expr }) => expr),
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...templating.list.flatMap(({ definition = '' }) => [definition]),
  ];
  return [...new Set(expressions.flatMap((expr) => expr.match(/\bjobraft_[a-z_]+/g) ?? []))].sort();
}

/** The names of the series in the text of a scrape. */
export const scrapedSeries = (text: string): ReadonlySet<string> => new Set(text.match(/^jobraft_[a-z_]+/gm) ?? []);
