import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { fileFailure } from '../file-failure.ts';
import { identityOf, readManifests } from '../manifests.ts';
import { storedAgents } from '../remote/cluster-objects.ts';
import { type RemoteOptions, remoteCommand, reportFailure, withPlace } from '../remote/command.ts';
import { Refused } from '../remote/failures.ts';
import { formatData } from '../remote/output.ts';
import { type AgentManifest, type AgentWish, agentManifest } from './manifest.ts';

type AddOptions = RemoteOptions & AgentWish & { readonly dryRun?: boolean; readonly to?: string };

/** `talaria agents add`: an Agent from a few options, applied to a cluster, written into a folder, or printed. */
export function addCommand(): Command {
  return remoteCommand('add', 'add an Agent to a cluster, or to a folder of manifests', [
    'talaria agents add helper --model echo/echo --to deploy/',
    'talaria agents add coder --model anthropic/claude-sonnet-4-5 --api-key-secret anthropic --dry-run',
    'talaria agents add coder --model openai/gpt-5 --api-key-secret openai/key --instructions @persona.md -n talaria',
  ])
    .argument('<name>', 'name of the Agent')
    .requiredOption(
      '--model <provider/name>',
      'the model that answers; providers: openai, anthropic, openai-compatible, echo',
    )
    .option('--base-url <url>', 'address of the provider, for openai-compatible')
    .option('--api-key-secret <secret[/key]>', 'Secret with the API key; its key is "key" unless said')
    .option('--instructions <text>', 'the persona: a text, or @FILE')
    .option('--default', 'serve what no rule matches')
    .option('--dry-run', 'print the manifest and change nothing')
    .option('--to <folder>', 'write NAME.yaml there, where talaria dev or git takes it up')
    .action((name: string, options: AddOptions) => {
      if (options.dryRun) return reportFailure('agents add', () => print(name, options));
      if (options.to !== undefined) return reportFailure('agents add', () => write(name, options, options.to ?? '.'));
      return apply(name, options);
    });
}

async function print(name: string, options: AddOptions): Promise<void> {
  const manifest = await agentManifest(name, options);
  process.stdout.write(formatData(manifest, options.output === 'json' ? 'json' : 'yaml'));
}

async function write(name: string, options: AddOptions, folder: string): Promise<void> {
  const manifest = await agentManifest(name, options);
  const { documents } = await readManifests([folder]);
  const known = documents.find(({ value }) => identityOf(value) === identityOf(manifest));
  if (known !== undefined) throw new Refused(`there is an Agent ${name} in ${known.file}:${known.line}. Edit it there`);
  const file = path.join(folder, `${name}.yaml`);
  try {
    await writeFile(file, stringify(manifest), { flag: 'wx' });
  } catch (error) {
    throw new Refused(`${file} cannot be made: ${fileFailure(error)}`);
  }
  process.stdout.write(`${file}\n`);
}

function apply(name: string, options: AddOptions): Promise<void> {
  return withPlace('agents add', options, {
    gateway: async () => {
      throw new Refused(onlyClusters);
    },
    cluster: async (cluster) => {
      const manifest: AgentManifest = await agentManifest(name, options);
      if ((await cluster.get(storedAgents, name)) !== undefined) {
        throw new Refused(
          `there is an Agent ${name} in ${cluster.namespace}. Change it with kubectl edit agents.talaria.dev ${name}`,
        );
      }
      await cluster.apply(storedAgents, manifest);
      process.stdout.write(`agent.talaria.dev/${name} created\n`);
      process.stderr.write(`See when it serves: talaria agents show ${name} -n ${cluster.namespace}\n`);
    },
  });
}

const onlyClusters =
  'a gateway takes no Agents. Write it into the folder that it serves with --to FOLDER, or name a cluster with --context or -n.';
