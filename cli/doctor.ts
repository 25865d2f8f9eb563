import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Finding } from './doctor/finding.ts';
import { formatFindings, formatReport, formatSummary } from './doctor/report.ts';
import type { RemoteOptions } from './remote/command.ts';
import { remoteCommand } from './remote/command.ts';
import { exitCodes, explainFailure } from './remote/failures.ts';
import { chooseGateway, type GatewayPlace, lookAround } from './remote/gateway-place.ts';

/** `talaria doctor`: what is wrong with an installation, and the cure. */
export function doctorCommand(): Command {
  return remoteCommand('doctor', 'look for what is wrong with an installation, and name the cure', [
    'talaria doctor',
    'talaria doctor -n talaria --context production',
    'talaria doctor -o json',
  ]).action(doctor);
}

async function doctor({ output, ...options }: RemoteOptions): Promise<void> {
  const asData = output === 'json' || output === 'yaml';
  const all: Finding[] = [];
  try {
    for await (const found of diagnose(chooseGateway(options, await lookAround(existsSync)), look)) {
      all.push(...found);
      look('');
      if (!asData) process.stdout.write(formatFindings(found));
    }
  } catch (error) {
    const { text, exitCode } = explainFailure(error);
    process.stderr.write(`talaria doctor: ${text}\n`);
    process.exitCode = exitCode;
    return;
  }
  process.stdout.write(asData ? formatReport(all, output) : `\n${formatSummary(all)}`);
  if (all.some(({ level }) => level === 'fail')) process.exitCode = exitCodes.refused;
}

const callDeadlineMs = 10_000;

async function* diagnose(place: GatewayPlace, look: (part: string) => void): AsyncGenerator<readonly Finding[]> {
  const { diagnoseCluster, diagnoseGateway } = await import('./doctor/diagnose.ts');
  if (place.kind === 'url') {
    yield* diagnoseGateway(place, look);
    return;
  }
  const { createKubeClient } = await import('../core/kube/client.ts');
  const { createPlainGet } = await import('../core/kube/plain-get.ts');
  const { leaseRenewalMs } = await import('./doctor/gather.ts');
  const { openClusterGateway } = await import('./remote/cluster-gateway.ts');
  const client = createKubeClient({ ...place, fieldManager: 'talaria-cli', deadlineMs: callDeadlineMs });
  try {
    const cluster = { client, plain: createPlainGet(place, callDeadlineMs), leasePauseMs: leaseRenewalMs };
    yield* diagnoseCluster(cluster, () => openClusterGateway(place), look);
  } finally {
    await client.close();
  }
}

/** Says on a terminal what is looked at, in a line that the next one takes the place of. */
function look(part: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${part === '' ? '' : `looking at ${part} ...`}`);
}
