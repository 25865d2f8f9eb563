import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { agentsCommand } from '../../../cli/agents.ts';
import { chatCommand } from '../../../cli/chat.ts';
import { completionsCommand } from '../../../cli/completions.ts';
import { deliveriesCommand } from '../../../cli/deliveries.ts';
import { devCommand } from '../../../cli/dev.ts';
import { doctorCommand } from '../../../cli/doctor.ts';
import { explainCommand } from '../../../cli/explain.ts';
import { importCommand } from '../../../cli/import.ts';
import { jobsCommand } from '../../../cli/jobs.ts';
import { routesCommand } from '../../../cli/routes.ts';
import { runsCommand } from '../../../cli/runs.ts';
import { sessionsCommand } from '../../../cli/sessions.ts';
import { snapshotCommand } from '../../../cli/snapshot.ts';
import { statusCommand } from '../../../cli/status.ts';
import { validateCommand } from '../../../cli/validate.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../docs/cli.md'), 'utf8');
const groups = [
  agentsCommand(),
  routesCommand(),
  jobsCommand(),
  runsCommand(),
  deliveriesCommand(),
  sessionsCommand(),
  snapshotCommand(),
];
const others = [
  chatCommand(),
  doctorCommand(),
  importCommand(),
  devCommand(),
  validateCommand(),
  explainCommand(),
  completionsCommand(),
];
const leaves = groups.flatMap((group) => group.commands.map((command) => ({ group, command })));

function optionsOf({ options }: Command): readonly string[] {
  return options.map(({ long, short }) => long ?? short ?? '');
}

describe('the page of the command line', () => {
  it.each(leaves.map(({ group, command }) => `talaria ${group.name()} ${command.name()}`))('has %s', (command) => {
    expect(page).toContain(`| \`${command}`);
  });

  it('has every other command', () => {
    expect(page).toContain(`### \`talaria ${statusCommand().name()}\``);
    for (const command of others) {
      expect(page).toMatch(new RegExp(`\\| \`talaria ${command.name()}[ \`]`));
    }
  });

  it('names no command that is not there', () => {
    const known = [...groups, ...others, statusCommand()].map((command) => command.name());
    const named = [...page.matchAll(/talaria ([a-z][a-z-]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('has every option of the commands that ask a gateway', () => {
    const short = new Map([
      ['--output', '-o'],
      ['--namespace', '-n'],
    ]);
    const options = new Set(leaves.flatMap(({ command }) => optionsOf(command)).map((name) => short.get(name) ?? name));
    expect(options.size).toBeGreaterThan(8);
    expect([...options].filter((name) => !page.includes(`${name}`))).toEqual([]);
  });

  it('has every option of dev', () => {
    expect(optionsOf(devCommand()).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
