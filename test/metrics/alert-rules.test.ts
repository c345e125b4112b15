import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { openMetricsRegistry } from '../../src/metrics/metrics-registry.ts';
import { SERIES, UP } from '../../src/metrics/series.ts';
import { aReading } from './a-sample.ts';
import { alertRules, dashboard, RULES_FILE } from './shown-series.ts';

const docs = (file: string): string => readFileSync(join(import.meta.dirname, '../../docs', file), 'utf8');
const promtool = (args: readonly string[], input = '') => spawnSync('promtool', args, { encoding: 'utf8', input });
const hasPromtool = promtool(['--version']).status === 0;
const needsPromtool = hasPromtool ? it : it.skip;
if (!hasPromtool)
  process.stderr.write("Skipped: promtool is not installed (apt-get install prometheus), so that the alerts' syntax is not checked.\n");

/** What an alert is given, minute by minute, and when it fires. */
interface RuleTest {
  readonly alert: string;
  readonly series: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly quietAt: string;
  readonly firesAt: string;
}

const TESTS: readonly RuleTest[] = [
  {
    alert: 'JobraftNoLeader',
    series: { 'jobraft_role{job="mail",node="1",role="leader"}': '1 0 0 0', 'jobraft_role{job="mail",node="2",role="leader"}': '0 0 0 0' },
    ...{ labels: { job: 'mail', severity: 'critical' }, quietAt: '1m', firesAt: '2m' },
  },
  {
    alert: 'JobraftNoSpareNode',
    series: {
      ...{ 'jobraft_up{job="mail",node="1"}': '1x9', 'jobraft_up{job="mail",node="2"}': '1x9', 'jobraft_up{job="mail",node="3"}': '1 0x9' },
      'jobraft_members_voting{job="mail",node="1"}': '3x9',
    },
    ...{ labels: { job: 'mail', severity: 'critical' }, quietAt: '5m', firesAt: '7m' },
  },
  {
    // Minutes count from the epoch.
    alert: 'JobraftCertificateExpires',
    series: {
      ...{ 'jobraft_certificate_expiry_timestamp_seconds{job="mail",node="1"}': `${14 * 86_400 + 90}x9` },
      ...{ 'jobraft_certificate_expiry_timestamp_seconds{job="mail",node="2"}': `${15 * 86_400}x9` },
    },
    ...{ labels: { job: 'mail', node: '1', severity: 'warning' }, quietAt: '1m', firesAt: '2m' },
  },
  {
    alert: 'JobraftJobsWaitLong',
    series: {
      'jobraft_queue_oldest_waiting_seconds{job="mail",node="1",queue="out"}': '590+60x12',
      'jobraft_queue_oldest_waiting_seconds{job="mail",node="1",queue="held"}': '590+60x12',
      'jobraft_queue_paused{job="mail",node="1",queue="held"}': '1x12',
    },
    ...{ labels: { job: 'mail', queue: 'out', severity: 'warning' }, quietAt: '5m', firesAt: '7m' },
  },
];

describe('the alerts', () => {
  it('each have an action, and a row in the runbook that the annotation names', () => {
    const rules = alertRules();
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    const rows = docs('operations.md').match(/^\| `Jobraft\w+` \|/gm) ?? [];
    expect(rows.map((row) => row.slice(3, -3)).sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const { alert, annotations } of rules) {
      expect(annotations.runbook_url, alert).toBe('docs/operations.md#alerts');
      for (const text of ['summary', 'action']) expect(annotations[text], alert).toMatch(/\w{3}/);
    }
  });

  needsPromtool('are rules that promtool accepts', () => {
    const { status, stdout, stderr } = promtool(['check', 'rules', RULES_FILE]);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(`SUCCESS: ${alertRules().length} rules found`);
  });

  needsPromtool('fire for what they name, and not before', () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-rules-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const tests = TESTS.map(({ alert, series, labels, quietAt, firesAt }) => ({
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [
        { eval_time: quietAt, alertname: alert, exp_alerts: [] },
        { eval_time: firesAt, alertname: alert, exp_alerts: [{ exp_labels: labels }] },
      ],
    }));
    const file = join(folder, 'tests.yaml');
    writeFileSync(file, stringify({ rule_files: [withoutAnnotations(folder)], evaluation_interval: '1m', tests }));
    const { status, stdout, stderr } = promtool(['test', 'rules', file]);
    expect(status, `${stdout}${stderr}`).toBe(0);
  });

  needsPromtool('read a scrape that promtool accepts', async () => {
    const text = await openMetricsRegistry(() => Promise.resolve(aReading())).metrics();
    const { status, stdout, stderr } = promtool(['check', 'metrics'], text);
    expect(status, `${stdout}${stderr}`).toBe(0);
  });
});

describe('the dashboard', () => {
  it('has panels with queries that do not overlap, and numbers of their own', () => {
    const { panels, uid, templating } = dashboard();
    expect(uid).toBe('jobraft');
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'queue']);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { type, title, targets = [] } of panels.filter((panel) => panel.type !== 'row')) {
      expect(['stat', 'timeseries'], title).toContain(type);
      expect(targets.length, title).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      for (const { expr, legendFormat } of targets) {
        expect(expr, title).toContain('job=~"$job"');
        expect(legendFormat, title).not.toBe('');
      }
    }
  });

  needsPromtool('has queries that promtool accepts', () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-dashboard-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const queries = dashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')));
    const rules = queries.map((expr, at) => ({ record: `dashboard:query:${at}`, expr }));
    const file = join(folder, 'queries.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { status, stderr } = promtool(['check', 'rules', file]);
    expect(status, stderr).toBe(0);
  });
});

describe('docs/monitoring.md', () => {
  it('lists the series that there are', () => {
    const rows = docs('monitoring.md').match(/^\| `jobraft_.*$/gm) ?? [];
    const row = (name: string, type: string, labels: readonly string[], help: string): string =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
    expect(rows).toEqual([
      row(UP.name, 'gauge', [], UP.help),
      ...SERIES.map(({ name, type, labels, help }) => row(name, type, labels, help)),
    ]);
  });
});

/** promtool compares annotations, too: what they say is for people. */
function withoutAnnotations(folder: string): string {
  const file = join(folder, 'rules.yaml');
  const rules = alertRules().map(({ annotations: _, ...rule }) => rule);
  writeFileSync(file, stringify({ groups: [{ name: 'jobraft', rules }] }));
  return file;
}
