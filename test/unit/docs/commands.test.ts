import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { deliveriesCommand } from '../../../cli/deliveries.ts';
import { explainCommand } from '../../../cli/explain.ts';
import { jobsCommand } from '../../../cli/jobs.ts';
import { runsCommand } from '../../../cli/runs.ts';
import { validateCommand } from '../../../cli/validate.ts';
import { createOperatorMetrics } from '../../../operator/metrics.ts';

const root = path.join(import.meta.dirname, '../../..');
const docs = path.join(root, 'docs');
const roots = [jobsCommand(), runsCommand(), deliveriesCommand(), validateCommand(), explainCommand()];

/** Calls of `talaria` on a page: what stands behind the name, up to the end of the command. */
function callsOn(page: string): readonly string[] {
  const text = readFileSync(path.join(docs, page), 'utf8');
  return [...text.matchAll(/(?:^|[\s`(])talaria ([a-z][^`|;)\n]*)/g)]
    .map(([, call = '']) => call.trim())
    .filter(isCall);
}

/** Prose says "talaria" too, and the chart has that name. */
function isCall(words: string): boolean {
  return /^(agents|deliveries|explain|jobs|routes|runs|sessions|snapshot|validate)\b/.test(words);
}

/** What is wrong with a call: a command or option that is not there. */
function faultOf(call: string): string | undefined {
  const [first = '', ...rest] = call.split(/\s+/);
  const group = roots.find((command) => command.name() === first);
  if (group === undefined) return `there is no command ${first}`;
  const leaf = group.commands.length === 0 ? group : group.commands.find((command) => command.name() === rest[0]);
  if (leaf === undefined) return `there is no command ${first} ${rest[0]}`;
  const unknown = rest.filter((word) => word.startsWith('-')).find((option) => !takes(leaf, option));
  return unknown === undefined ? undefined : `${call} has no option ${unknown}`;
}

function takes({ options }: Command, option: string): boolean {
  return options.some(({ long, short }) => option === long || option === short);
}

describe('the commands of the pages for operators', () => {
  it.each(['runbooks.md', 'troubleshooting.md', 'backup.md'])(
    '%s: every call of talaria is one that there is',
    (page) => {
      const calls = callsOn(page);
      expect(calls.length).toBeGreaterThan(0);
      expect(calls.map(faultOf).filter(Boolean)).toEqual([]);
    },
  );

  it('a call that is wrong is found', () => {
    expect(faultOf('runs list --stauts dead')).toContain('--stauts');
    expect(faultOf('runs lst')).toContain('runs lst');
    expect(faultOf('agents list')).toContain('agents');
  });

  it('every metric and alert that the runbooks name is there', async () => {
    const sources = globSync(['gateway/**/*.ts', 'charts/talaria/templates/alerts.yaml'], { cwd: root });
    const operator = await createOperatorMetrics().registry.getMetricsAsJSON();
    const code = [
      ...sources.map((file) => readFileSync(path.join(root, file), 'utf8')),
      JSON.stringify(operator),
    ].join();
    const page = ['runbooks.md', 'upgrade.md'].map((name) => readFileSync(path.join(docs, name), 'utf8')).join('\n');
    const named = [...page.matchAll(/\btalaria_[a-z_]+|\bTalaria[A-Z]\w+/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });
});
