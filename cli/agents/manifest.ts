import { readFile } from 'node:fs/promises';
import { apiVersion } from '../../crds/common.ts';
import { verdict } from '../../crds/verdict.ts';
import { fileFailure } from '../file-failure.ts';
import { Refused, WrongUsage } from '../remote/failures.ts';

/** What a person says of a new Agent. */
export interface AgentWish {
  /** `<provider>/<name>` */
  readonly model: string;
  readonly baseUrl?: string;
  /** `<secret>` or `<secret>/<key>` */
  readonly apiKeySecret?: string;
  /** The text itself, or `@` and a file. */
  readonly instructions?: string;
  readonly default?: boolean;
}

/** A manifest that the API server takes: only what was said, so that everything else keeps its default. */
export interface AgentManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/**
 * The manifest of a new Agent. Throws WrongUsage where an option cannot be read, Refused where a
 * file cannot be or the API server would refuse the Agent.
 */
export async function agentManifest(name: string, wish: AgentWish): Promise<AgentManifest> {
  const { baseUrl, apiKeySecret, instructions } = wish;
  const spec = {
    ...(wish.default ? { default: true } : {}),
    ...(instructions === undefined ? {} : { instructions: { inline: await textOf(instructions) } }),
    model: {
      ...modelOf(wish.model),
      ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
      ...(apiKeySecret === undefined ? {} : { apiKeySecretRef: secretOf(apiKeySecret) }),
    },
  };
  const manifest = { apiVersion, kind: 'Agent', metadata: { name }, spec };
  const { problems } = await verdict(manifest);
  if (problems.length > 0) {
    const told = problems.map(({ path, message, cure }) => `${path}: ${message}${cure === '' ? '' : ` (${cure})`}`);
    throw new Refused(`the Agent would be refused: ${told.join('; ')}`);
  }
  return manifest;
}

/** Names of models hold slashes too. */
function modelOf(text: string): { readonly provider: string; readonly name: string } {
  const slash = text.indexOf('/');
  if (slash < 1)
    throw new WrongUsage(`--model is "${text}"; write it as PROVIDER/NAME, such as anthropic/claude-sonnet-4-5`);
  return { provider: text.slice(0, slash), name: text.slice(slash + 1) };
}

function secretOf(text: string): { readonly name: string; readonly key?: string } {
  const [name = '', key, ...more] = text.split('/');
  if (more.length > 0) throw new WrongUsage(`--api-key-secret is "${text}"; write it as SECRET or SECRET/KEY`);
  return key === undefined ? { name } : { name, key };
}

async function textOf(given: string): Promise<string> {
  if (!given.startsWith('@')) return given;
  try {
    return await readFile(given.slice(1), 'utf8');
  } catch (error) {
    throw new Refused(`--instructions: ${given.slice(1)} cannot be read: ${fileFailure(error)}`);
  }
}
