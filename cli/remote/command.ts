import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type AdminClient, createAdminClient } from './admin-client.ts';
import type { OpenGateway } from './cluster-gateway.ts';
import { exitCodes, explainFailure } from './failures.ts';
import { chooseGateway, type GatewayOptions, type GatewayPlace, lookAround } from './gateway-place.ts';
import type { Format } from './output.ts';

/** What every command that asks a gateway takes. */
export interface RemoteOptions extends GatewayOptions {
  /** Absent: a table. */
  readonly output?: Format;
}

/** What every list takes besides. */
export interface ListOptions extends RemoteOptions {
  /** At most so many entries, 0 for all. */
  readonly limit: number;
}

/** A group of commands, such as `talaria jobs`. */
export function commandGroup(name: string, description: string, commands: readonly Command[]): Command {
  const group = new Command(name).description(description).exitOverride(exitWithUsage);
  for (const command of commands) group.addCommand(command);
  return group;
}

/** A command that asks a gateway: its options for that, its examples, and exit codes that scripts can rely on. */
export function remoteCommand(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .addOption(
      new Option('-o, --output <format>', 'how to print; a table without it').choices(['json', 'yaml', 'wide']),
    )
    .option('--gateway <url>', 'address of a gateway (default: $TALARIA_GATEWAY, a running talaria dev, the cluster)')
    .option('--key <key>', 'admin key (default: $TALARIA_API_KEY, or one of the cluster)')
    .option('--kubeconfig <file>', 'kubeconfig of the cluster (default: $KUBECONFIG, ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', "namespace of Talaria in the cluster (default: the context's)")
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}\n`).join('')}\n${exitCodesText}`)
    .showHelpAfterError('(add --help for the options)')
    .exitOverride(exitWithUsage);
}

/** A `remoteCommand` that lists. */
export function listCommand(name: string, description: string, examples: readonly string[]): Command {
  return remoteCommand(name, description, examples).option(
    '--limit <number>',
    'at most so many; 0: all',
    wholeNumber,
    50,
  );
}

const exitCodesText =
  'Exit code: 0 done, 1 the gateway refused, 2 wrong usage, 3 no gateway or cluster could be reached.';

/**
 * Runs the action of a command with a client of the gateway that its options mean, and closes the way there. A failure goes
 * to stderr in one line and into the exit code.
 */
export async function withGateway(
  command: string,
  options: GatewayOptions,
  action: (client: AdminClient) => Promise<void>,
): Promise<void> {
  let gateway: OpenGateway | undefined;
  try {
    gateway = await openGateway(chooseGateway(options, await lookAround(existsSync)));
    await action(createAdminClient(gateway));
  } catch (error) {
    const { text, exitCode } = explainFailure(error);
    process.stderr.write(`talaria ${command}: ${text}\n`);
    process.exitCode = exitCode;
  } finally {
    await gateway?.close();
  }
}

/** Says on stderr that a list goes on, so that what is on stdout stays what was asked for. */
export function mentionMore(hasMore: boolean): void {
  if (hasMore) process.stderr.write('There are more: raise --limit, or list all with --limit 0.\n');
}

async function openGateway(place: GatewayPlace): Promise<OpenGateway> {
  // The client of Kubernetes is large, and most calls of a `talaria dev` go without.
  if (place.kind === 'cluster') return await (await import('./cluster-gateway.ts')).openClusterGateway(place);
  return { url: place.url, key: place.key, failure: () => undefined, close: async () => undefined };
}

function exitWithUsage(error: { readonly exitCode: number }): never {
  process.exit(error.exitCode === 0 ? exitCodes.done : exitCodes.usage);
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it is not a whole number.');
}
