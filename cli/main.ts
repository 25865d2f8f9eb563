#!/usr/bin/env node
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { addExamples, programName } from './program.ts';
import { exitCodes } from './remote/failures.ts';

/** Each is loaded when it is called, or when all are to be named: some bring a whole gateway along. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  dev: async () => (await import('./dev.ts')).devCommand(),
  validate: async () => (await import('./validate.ts')).validateCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  agents: async () => (await import('./agents.ts')).agentsCommand(),
  routes: async () => (await import('./routes.ts')).routesCommand(),
  chat: async () => (await import('./chat.ts')).chatCommand(),
  jobs: async () => (await import('./jobs.ts')).jobsCommand(),
  runs: async () => (await import('./runs.ts')).runsCommand(),
  deliveries: async () => (await import('./deliveries.ts')).deliveriesCommand(),
  sessions: async () => (await import('./sessions.ts')).sessionsCommand(),
  snapshot: async () => (await import('./snapshot.ts')).snapshotCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  completions: async () => (await import('./completions.ts')).completionsCommand(),
  'trial-secrets': async () => (await import('./trial-secrets.ts')).trialSecretsCommand(),
};
const optionsAfter = `(options stand after the command, as in: ${programName()} jobs list --gateway URL)`;
const hidden = ['trial-secrets'];

const talaria = new Command(programName())
  .description('Agents, routing and schedules as Kubernetes resources; this command tries and checks them anywhere.')
  .version(packageJson.version);
addExamples(
  talaria,
  [
    'talaria dev examples/quickstart                 serve a folder of manifests on this machine',
    'talaria validate deploy/                        check manifests without a cluster',
    'talaria explain deploy/ --chat-id engineering   which agent would answer, and why',
    'talaria agents list                             the Agents of a cluster or a running gateway, and whether they are ready',
    'talaria status                                  whether all is well, and what is not',
  ],
  "\n'COMMAND --help' has the options of each command.",
);
const asked = process.argv[2] ?? '';
/** Of these all are to be named. */
const namesAll = ['completions'];
const isOne = Object.hasOwn(commands, asked) && !namesAll.includes(asked);
const named = isOne ? [asked] : Object.keys(commands).filter((name) => !hidden.includes(name));
for (const name of ['-V', '--version'].includes(asked) ? [] : named) {
  const command = await commands[name]?.();
  if (command !== undefined) talaria.addCommand(command, { hidden: hidden.includes(name) });
}
exitWithUsage(talaria);
// Who reads no further, such as head, has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
await talaria.parseAsync();

/** Wrong usage exits with 2 in the whole tree of commands, and says where the right one stands. */
function exitWithUsage(command: Command): void {
  const what = command.commands.length > 0 ? 'commands' : 'options';
  command.showHelpAfterError(`(add --help for the ${what})`).exitOverride(({ exitCode, code }) => {
    // As kubectl takes them before the command, people write them there.
    if (what === 'commands' && code === 'commander.unknownOption') process.stderr.write(`${optionsAfter}\n`);
    process.exit(exitCode === 0 ? exitCodes.done : exitCodes.usage);
  });
  for (const inner of command.commands) exitWithUsage(inner);
}
