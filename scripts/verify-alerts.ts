/**
 * `npm run verify:alerts`: the alert rules of the chart, as helm renders them, before a real rule evaluator (promtool): every
 * rule fires in its case, is silent in what comes close to it, and all are silent while everything is as it should be.
 */
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
