import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Argument, Command, Option } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { bashScript } from '../../../../cli/completions/bash.ts';
import { fishScript } from '../../../../cli/completions/fish.ts';
import { placesOf } from '../../../../cli/completions/places.ts';
import { zshScript } from '../../../../cli/completions/zsh.ts';
import { runProgram } from '../../../harness/run-program.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

const list = new Command('list')
  .description("everyone's jobs: all of them")
  .addOption(new Option('--status <status>', 'in this status').choices(['failed', 'completed']))
  .option('--file <file>', 'a file');
const jobs = new Command('jobs')
  .description('see jobs')
  .addCommand(list)
  .command('show <name>')
  .description('one').parent;
const shells = new Command('completions').addArgument(new Argument('<shell>').choices(['bash', 'zsh']));
const program = new Command('talaria')
  .addCommand(jobs ?? list)
  .addCommand(shells)
  .addCommand(new Command('x'), { hidden: true });
const places = placesOf(program, 'talaria');

let script: string;
beforeAll(async () => {
  script = path.join(await temporaryFolder('completions'), 'talaria.bash');
  await writeFile(script, bashScript(places));
});

/** What bash offers for the last of these words. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const ask = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _talaria; printf "%s\\n" "\${COMPREPLY[@]}"`;
  const stdout = await runProgram('bash', ['-uo', 'pipefail', '-c', ask, script, ...words], {});
  return stdout.trim().split('\n');
}

describe('completions of bash', () => {
  it('are the commands that are there, as far as they are typed', async () => {
    expect(await offered('talaria', '')).toEqual(['jobs', 'completions', '--help', '-h']);
    expect(await offered('talaria', 'j')).toEqual(['jobs']);
    expect(await offered('talaria', 'jobs', 's')).toEqual(['show']);
    expect(await offered('talaria', 'completions', 'z')).toEqual(['zsh']);
  });

  it('are the options of the command, wherever they stand, and the values of an option', async () => {
    expect(await offered('talaria', 'jobs', 'list', '--')).toEqual(['--status', '--file', '--help']);
    expect(await offered('talaria', 'jobs', 'list', '--status', '')).toEqual(['failed', 'completed']);
    expect(await offered('talaria', 'jobs', 'list', '--status', 'failed', '--f')).toEqual(['--file']);
  });

  it('leave to bash what they do not know, such as names of files', async () => {
    expect(await offered('talaria', 'jobs', 'list', '--file', '')).toEqual(['']);
    expect(await offered('talaria', 'jobs', 'show', 'heartbeat')).toEqual(['']);
  });
});

describe('completions of other shells', () => {
  it('of zsh have each command with its meaning, and the values of options', () => {
    const text = zshScript(places);
    expect(text).toMatch(/^#compdef talaria\n/);
    expect(text).toContain(`('talaria jobs') found=('list:everyone'\\''s jobs: all of them' 'show:one'`);
    expect(text).toContain(`('talaria jobs list --status') compadd -- 'failed' 'completed'; return ;;`);
    expect(text).toContain(`('talaria jobs list --file') _files; return ;;`);
  });

  it('of fish have each command and option where it may stand', () => {
    const text = fishScript(places);
    expect(text).toContain(
      `complete -c talaria -n '__talaria_is_at talaria jobs' -f -a 'list' -d 'everyone\\'s jobs: all of them'\n`,
    );
    expect(text).toContain(
      `complete -c talaria -n '__talaria_is_at talaria jobs list' -l status -x -a 'failed completed' -d 'in this status'\n`,
    );
    expect(text).not.toContain(`-a 'x'`);
  });
});
