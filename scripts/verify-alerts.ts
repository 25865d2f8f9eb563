/**
 * `npm run verify:alerts`: the alert rules of the chart, as helm renders them, before a real rule evaluator (promtool): every
 * rule fires in its case, is silent in what comes close to it, and all are silent while everything is as it should be. And
 * every query of the chart's dashboards is one that the evaluator reads.
 */
import { globSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { alertCases, healthy, namespace } from '../test/alerts/cases.ts';
import { type AlertRule, firingTest, silentTest } from '../test/alerts/promtool-tests.ts';
import { helmBinary } from '../test/harness/binaries.ts';
import { runProgram } from '../test/harness/run-program.ts';
import { temporaryFolder } from '../test/harness/temporary-folder.ts';
import { createChecks } from './verify/checks.ts';
import { findPromtool } from './verify/promtool.ts';

const chart = path.join(import.meta.dirname, '..', 'charts', 'talaria');
const checks = createChecks();
const [helm, promtool] = await Promise.all([helmBinary(), findPromtool()]);
const folder = await temporaryFolder('alerts');
try {
  const rules = await renderRules();
  process.stdout.write(`${rules.length} rules\n`);
  await checks.check('promtool check rules', async () => {
    await runProgram(promtool, ['check', 'rules', path.join(folder, 'rules.yaml')]);
    return undefined;
  });
  await checks.check('every query of the dashboards is PromQL', checkQueries);
  await run('every rule is silent while all is well', silentTest(rules, healthy));
  for (const each of alertCases) {
    await run(`${each.alert} fires`, firingTest(rules, each));
    await run(`${each.alert} is silent in what comes close`, silentTest(only(rules, each.alert), healthy, each.silent));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
checks.finish();

async function renderRules(): Promise<readonly AlertRule[]> {
  const values = ['--set', 'alerts.enabled=true', '--show-only', 'templates/alerts.yaml'];
  const text = await runProgram(helm, ['template', 'talaria', chart, '--namespace', namespace, ...values]);
  const { spec } = parse(text) as { spec: { groups: readonly { rules: readonly AlertRule[] }[] } };
  await writeFile(path.join(folder, 'rules.yaml'), stringify(spec));
  return spec.groups.flatMap(({ rules }) => rules);
}

/** As recording rules: only what can be evaluated is one. Grafana fills in the variables. */
async function checkQueries(): Promise<string> {
  const queries = globSync('dashboards/*.json', { cwd: chart }).flatMap((file) => {
    const { panels } = JSON.parse(readFileSync(path.join(chart, file), 'utf8')) as DashboardQueries;
    return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  });
  const rules = queries.map((expr, at) => ({ record: `query:${at}`, expr: expr.replaceAll('$__rate_interval', '5m') }));
  const file = path.join(folder, 'queries.yaml');
  await writeFile(file, stringify({ groups: [{ name: 'dashboards', rules }] }));
  await runProgram(promtool, ['check', 'rules', '--lint=none', file]);
  return `${queries.length} queries`;
}

interface DashboardQueries {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}

async function run(title: string, test: object): Promise<void> {
  const file = path.join(folder, 'test.yaml');
  await checks.check(title, async () => {
    await writeFile(file, stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: [test] }));
    await runProgram(promtool, ['test', 'rules', file]);
    return undefined;
  });
}

function only(rules: readonly AlertRule[], name: string): readonly AlertRule[] {
  const found = rules.filter(({ alert }) => alert === name);
  if (found.length !== 1) throw new Error(`the chart has ${found.length} rules named ${name}, there must be one`);
  return found;
}
