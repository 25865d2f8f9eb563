import { Command, InvalidArgumentError, Option } from 'commander';
import type { DevOptions } from './dev/serve.ts';

const examples = `
Examples:
  talaria dev examples/quickstart                  serve a folder; edits are served at once
  talaria dev deploy/ --port 0                     on any free port
  talaria dev deploy/ --database-url postgres://…  with a PostgreSQL of your own

It serves on 127.0.0.1 and needs no key. State is kept in .talaria/ below the current folder.`;

/** `talaria dev DIR`. The gateway is loaded when it is to serve: help and completions go without. */
export function devCommand(): Command {
  return new Command('dev')
    .description('serve a folder of manifests on this machine, without a cluster')
    .argument('<dir>', 'folder with Agents, Routes, CronJobs, and the Secrets and ConfigMaps they name')
    .option('--port <number>', 'port on 127.0.0.1; 0 takes any free one', parsePort, 8642)
    .option('--database-url <url>', 'PostgreSQL to use instead of one of its own')
    .option('--state <dir>', 'folder for what is kept over restarts (default: .talaria/<dir>)')
    .addOption(new Option('--log-level <level>', 'least severe line to print').choices(logLevels).default('info'))
    .addHelpText('after', examples)
    .action(async (folder: string, options: DevOptions) => (await import('./dev/serve.ts')).serve(folder, options));
}

const logLevels = ['debug', 'info', 'warn', 'error'];

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('a port is a number from 0 to 65535.');
  return port;
}
