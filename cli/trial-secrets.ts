import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { createKubeClient } from '../core/kube/client.ts';
import { hasStatus } from '../core/kube/kube-error.ts';
import { type Secret, secrets } from '../core/kube/resources.ts';
import type { KubeClient, Written } from '../core/kube/types.ts';

/** Names that charts/talaria uses too. */
const databaseName = 'talaria-trial-database';
const keyName = 'talaria-trial-key';

/** `talaria trial-secrets`: what the chart's job runs before a trial is installed. */
export function trialSecretsCommand(): Command {
  return new Command('trial-secrets')
    .description('make the password of the trial database and a gateway key, unless they exist (run by the Helm chart)')
    .option('--kubeconfig <file>', 'default: the ServiceAccount of this pod')
    .action(async ({ kubeconfig }: { kubeconfig?: string }) => {
      const client = createKubeClient({ kubeconfig, fieldManager: 'talaria-trial' });
      try {
        const made = await createTrialSecrets(client);
        process.stdout.write(made.length === 0 ? 'the Secrets exist already\n' : `made ${made.join(' and ')}\n`);
      } finally {
        await client.close();
      }
    });
}

/** Creates the two Secrets of a trial where they are absent and touches none that is there. Returns the names made. */
export async function createTrialSecrets(client: Pick<KubeClient, 'create'>): Promise<string[]> {
  const made: string[] = [];
  for (const secret of [databaseSecret(randomKey()), gatewayKeySecret(keyName, randomKey())]) {
    if (await createIfAbsent(client, secret)) made.push(secret.metadata.name);
  }
  return made;
}

/** The manifest of a gateway key that calls every Agent, with the role admin. */
export function gatewayKeySecret(name: string, key: string): Written<Secret> {
  return {
    metadata: {
      name,
      labels: { 'talaria.dev/gateway-key': 'true' },
      annotations: { 'talaria.dev/agents': '*', 'talaria.dev/role': 'admin' },
    },
    data: { key: base64(key) },
  };
}

/** 256 random bits as text that needs no quoting in a URL, a header or a shell. */
export function randomKey(): string {
  return randomBytes(32).toString('base64url');
}

function databaseSecret(password: string): Written<Secret> {
  const url = `postgres://talaria:${password}@${databaseName}:5432/talaria`;
  return {
    metadata: { name: databaseName },
    data: { password: base64(password), url: base64(url), directUrl: base64(url) },
  };
}

async function createIfAbsent(client: Pick<KubeClient, 'create'>, secret: Written<Secret>): Promise<boolean> {
  try {
    await client.create(secrets, secret);
    return true;
  } catch (error) {
    if (hasStatus(error, 409)) return false;
    throw error;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
