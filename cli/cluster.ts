#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { onShutdown } from '../core/lib/shutdown.ts';
import { createCluster } from './cluster/cluster.ts';

const stopBudgetMs = 150_000;

await new Command('npm run cluster --')
  .description(
    'Run a real Kubernetes API server, PostgreSQL, the operator and gateways on this machine, without Docker.',
  )
  .option('--replicas <number>', 'how many gateways', replicas, 2)
  .option('--state <folder>', 'keep all state there over restarts (default: a temporary folder)')
  .action(run)
  .showHelpAfterError()
  .parseAsync();

async function run(options: { replicas: number; state?: string }): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const cluster = createCluster({ replicas: options.replicas, directory: options.state, say });
  let stopping = false;
  onShutdown(() => {
    stopping = true;
    say('stopping');
    return cluster.stop();
  }, stopBudgetMs);
  try {
    const { kubeconfig, apiKey, gateways } = await cluster.start();
    const lines = [`export KUBECONFIG=${kubeconfig}`, `export TALARIA_API_KEY=${apiKey}`, ...gateways];
    process.stdout.write(`${lines.join('\n')}\n`);
    say('Ctrl-C stops everything.');
  } catch (error) {
    if (stopping) return;
    say(error instanceof Error ? error.message : String(error));
    await cluster.stop();
    process.exit(1);
  }
}

function replicas(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 16) return number;
  throw new InvalidArgumentError(`"${text}" is not a whole number from 0 to 16.`);
}
