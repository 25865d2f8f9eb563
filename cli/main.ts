#!/usr/bin/env node
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };

const examples = `
Examples:
  talaria dev examples/quickstart                 serve a folder of manifests on this machine
  talaria validate deploy/                        check manifests without a cluster
  talaria explain deploy/ --chat-id engineering   which agent would answer, and why
  talaria jobs list                               the CronJobs of a running gateway, and when they start

'talaria COMMAND --help' has the options of each command.`;

/** Each is loaded when it is called, or when all are to be named: some bring a whole gateway along. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  dev: async () => (await import('./dev.ts')).devCommand(),
  validate: async () => (await import('./validate.ts')).validateCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  jobs: async () => (await import('./jobs.ts')).jobsCommand(),
  runs: async () => (await import('./runs.ts')).runsCommand(),
  deliveries: async () => (await import('./deliveries.ts')).deliveriesCommand(),
  'trial-secrets': async () => (await import('./trial-secrets.ts')).trialSecretsCommand(),
};
const hidden = ['trial-secrets'];

const talaria = new Command('talaria')
  .description('Agents, routing and schedules as Kubernetes resources; this command tries and checks them anywhere.')
  .version(packageJson.version)
  .addHelpText('after', examples)
  .showHelpAfterError();
const asked = process.argv[2] ?? '';
for (const name of Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands)) {
  const command = await commands[name]?.();
  if (command !== undefined) talaria.addCommand(command, { hidden: hidden.includes(name) });
}
// Who reads no further, such as head, has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
await talaria.parseAsync();
