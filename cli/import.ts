import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { fileFailure } from './file-failure.ts';
import type { Draft } from './import/draft.ts';
import { finishImport, formatDifferences, manifestFilesOf, secretsWithValues, writeFiles } from './import/write.ts';

/** `talaria import`: the configuration of another gateway as manifests, and where they mean something else. */
export function importCommand(): Command {
  const group = new Command('import')
    .description('make manifests of the configuration of another gateway')
    .exitOverride(exitWithUsage);
  group.addCommand(
    importFrom('Hermes', '<path>', 'home of Hermes, such as ~/.hermes, or its config.yaml').action(
      async (place: string, options: ImportOptions) => {
        const { importHermes } = await import('./import/hermes/import.ts');
        await run('hermes', options, () => importHermes(place, Date.now()));
      },
    ),
  );
  group.addCommand(
    importFrom('OpenClaw', '<file>', 'configuration of OpenClaw, such as ~/.openclaw/openclaw.json').action(
      async (file: string, options: ImportOptions) => {
        const { importOpenClaw } = await import('./import/openclaw/import.ts');
        await run('openclaw', options, () => importOpenClaw(file, Date.now()));
      },
    ),
  );
  return group;
}

interface ImportOptions {
  readonly to?: string;
  readonly withSecrets?: string;
  readonly report?: string;
  readonly output: 'text' | 'json';
}

function importFrom(title: string, argument: string, description: string): Command {
  const name = title.toLowerCase();
  const examples = [
    `talaria import ${name} PATH                       the manifests; the report is on stderr`,
    `talaria import ${name} PATH --to deploy/          a file for each kind`,
    `talaria import ${name} PATH --with-secrets s.yaml the values of Secrets too, into a file of their own`,
  ];
  return new Command(name)
    .description(`make manifests of the configuration of ${title}, with a report of each difference of meaning`)
    .argument(argument, description)
    .option('--to <dir>', 'write a file for each kind into this folder, instead of all to stdout')
    .option(
      '--with-secrets <file>',
      'write the Secrets with the values that are found into this file, which only you can read',
    )
    .option('--report <file>', 'write the report there instead of to stderr')
    .addOption(new Option('-o, --output <format>', 'how to print the report').choices(['text', 'json']).default('text'))
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}\n`).join('')}\n${exitCodesText}`)
    .showHelpAfterError('(add --help for the options)')
    .exitOverride(exitWithUsage);
}

const exitCodesText =
  'Exit code: 0 done, 1 something cannot be read or written, 2 wrong usage. Nothing is overwritten.';

async function run(name: string, options: ImportOptions, read: () => Promise<Draft>): Promise<void> {
  try {
    const imported = await finishImport(await read());
    const { to, withSecrets, report, output } = options;
    const files = manifestFilesOf(imported, withSecrets === undefined);
    if (withSecrets !== undefined)
      await writeFile(withSecrets, secretsWithValues(imported), { flag: 'wx', mode: 0o600 });
    if (to === undefined) process.stdout.write([...files.values()].join('---\n'));
    else await writeFiles(to, files);
    const { differences } = imported;
    const text = output === 'json' ? `${JSON.stringify(differences, null, 2)}\n` : formatDifferences(differences);
    if (report === undefined) process.stderr.write(text);
    else await writeFile(report, text);
  } catch (error) {
    const file = error instanceof Error && 'path' in error ? `${error.path}: ` : '';
    process.stderr.write(`talaria import ${name}: ${file}${fileFailure(error)}\n`);
    process.exitCode = 1;
  }
}

function exitWithUsage(error: { readonly exitCode: number }): never {
  process.exit(error.exitCode === 0 ? 0 : 2);
}
