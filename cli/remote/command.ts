import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { KubeClient } from '../../core/kube/types.ts';
import { addExamples } from '../program.ts';
import { type AdminClient, createAdminClient } from './admin-client.ts';
import type { OpenGateway } from './cluster-gateway.ts';
import { exitCodes, explainFailure } from './failures.ts';
import { chooseGateway, type GatewayOptions, type GatewayPlace, lookAround } from './gateway-place.ts';
import type { GatewayAddress } from './gateway-request.ts';
import type { Format } from './output.ts';

/** What every command that asks a gateway takes. */
export interface RemoteOptions extends GatewayOptions {
  /** Absent: a table. */
  readonly output?: Format;
}

/** A group of commands, such as `talaria jobs`. */
export function commandGroup(name: string, description: string, commands: readonly Command[]): Command {
  const group = new Command(name).description(description).exitOverride(exitWithUsage);
  for (const command of commands) group.addCommand(command);
  return group;
}

/** A command that asks a gateway: its options for that, its examples, and exit codes that scripts can rely on. */
export function remoteCommand(name: string, description: string, examples: readonly string[]): Command {
  return gatewayCommand(name, description, examples).addOption(
    new Option('-o, --output <format>', 'how to print; a table without it').choices(['json', 'yaml', 'wide']),
  );
}

/** A `remoteCommand` that prints in one way only. */
export function gatewayCommand(name: string, description: string, examples: readonly string[]): Command {
  const command = new Command(name)
    .description(description)
    .option('--gateway <url>', 'address of a gateway (default: $TALARIA_GATEWAY, a running talaria dev, the cluster)')
    .option('--key <key>', 'admin key (default: $TALARIA_API_KEY, or one of the cluster)')
    .option('--kubeconfig <file>', 'kubeconfig of the cluster (default: $KUBECONFIG, ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', "namespace of Talaria in the cluster (default: the context's)")
    .showHelpAfterError('(add --help for the options)')
    .exitOverride(exitWithUsage);
  return addExamples(command, examples, `\n${exitCodesText}`);
}

const exitCodesText =
  'Exit code: 0 done, 1 refused or not well, 2 wrong usage, 3 no gateway or cluster could be reached.';

/**
 * Runs the action of a command with a client of the gateway that its options mean, and closes the way there. A failure goes
 * to stderr in one line and into the exit code.
 */
export function withGateway(
  command: string,
  options: GatewayOptions,
  action: (client: AdminClient) => Promise<void>,
): Promise<void> {
  return withOpenGateway(command, options, (gateway) => action(createAdminClient(gateway)));
}

/** As `withGateway`, for what is not of the admin API. */
export function withOpenGateway(
  command: string,
  options: GatewayOptions,
  action: (gateway: GatewayAddress) => Promise<void>,
): Promise<void> {
  return reportFailure(command, async () => atGateway(await placeOf(options), action));
}

/** What a command does where a cluster is meant, and where only a gateway is. */
export interface Actions {
  /** `atGateway` opens the way to a gateway of the cluster, for as long as its action runs. */
  readonly cluster: (
    cluster: KubeClient,
    atGateway: <T>(action: (client: AdminClient) => Promise<T>) => Promise<T>,
  ) => Promise<void>;
  readonly gateway: (client: AdminClient) => Promise<void>;
}

/** Does what a command does in the place that its options mean. Failures as of `withGateway`. */
export function withPlace(command: string, options: GatewayOptions, { cluster, gateway }: Actions): Promise<void> {
  return reportFailure(command, async () => {
    const place = await placeOf(options);
    if (place.kind === 'url') return await atGateway(place, (open) => gateway(createAdminClient(open)));
    const { createKubeClient } = await import('../../core/kube/client.ts');
    const client = createKubeClient({ ...place, fieldManager: 'talaria-cli' });
    try {
      await cluster(client, (action) => atGateway(place, (open) => action(createAdminClient(open))));
    } finally {
      await client.close();
    }
  });
}

/** Runs the action of a command. A failure goes to stderr in one line and into the exit code. */
export async function reportFailure(command: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const { text, exitCode } = explainFailure(error);
    process.stderr.write(`talaria ${command}: ${text}\n`);
    process.exitCode = exitCode;
  }
}

async function placeOf(options: GatewayOptions): Promise<GatewayPlace> {
  return chooseGateway(options, await lookAround(existsSync));
}

async function atGateway<T>(place: GatewayPlace, action: (gateway: GatewayAddress) => Promise<T>): Promise<T> {
  const gateway = await openGateway(place);
  try {
    return await action(gateway);
  } finally {
    await gateway.close();
  }
}

async function openGateway(place: GatewayPlace): Promise<OpenGateway> {
  // The client of Kubernetes is large, and most calls of a `talaria dev` go without.
  if (place.kind === 'cluster') return await (await import('./cluster-gateway.ts')).openClusterGateway(place);
  return { url: place.url, key: place.key, failure: () => undefined, close: async () => undefined };
}

function exitWithUsage(error: { readonly exitCode: number }): never {
  process.exit(error.exitCode === 0 ? exitCodes.done : exitCodes.usage);
}
