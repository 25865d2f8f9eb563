import { agents, cronJobs, routes, secrets } from '../core/kube/resources.ts';
import type { KubeClient, KubeObject, KubeResource, Written } from '../core/kube/types.ts';

/** How much of each kind a namespace holds. */
export interface Size {
  readonly agents: number;
  readonly routes: number;
  readonly cronJobs: number;
}

/** How many objects that are: Agents, Routes and CronJobs. */
export function objectsOf({ agents: a, routes: r, cronJobs: c }: Size): number {
  return a + r + c;
}

/** A tenth Agents and half Routes, at most 1,000 and 5,000 of them; CronJobs are the rest. */
export function sizeOf(objects: number): Size {
  const size = { agents: Math.min(1_000, Math.ceil(objects / 10)), routes: Math.min(5_000, Math.floor(objects / 2)) };
  return { ...size, cronJobs: objects - size.agents - size.routes };
}

export const rulesOfRoute = 10;
const atOnce = 32;

/** Makes every object of `size` that `made` lacks, as another applier would: by server-side apply. */
export async function createWorld(client: KubeClient, made: Size, size: Size): Promise<void> {
  const key = { metadata: { name: 'model', labels: { 'talaria.dev/credentials': 'true' } }, data: { key: 'c2VjcmV0' } };
  await client.apply(secrets, key);
  await applyAll(
    client,
    agents,
    range(made.agents, size.agents).map((number) => agent(number, 0)),
  );
  await applyAll(
    client,
    routes,
    range(made.routes, size.routes).map((number) => route(number, size, 0)),
  );
  await applyAll(
    client,
    cronJobs,
    range(made.cronJobs, size.cronJobs).map((number) => cronJob(number, size, 0)),
  );
}

/** A Route with ten rules, each for a chat of its own; another `turn` makes it another content. */
export function route(number: number, size: Size, turn: number): Written<KubeObject> {
  const rules = range(0, rulesOfRoute).map((rule) => ({
    name: `rule-${rule}-${turn}`,
    matches: [{ platform: 'api', chatId: `chat-${number}-${rule}` }],
    agentRefs: [{ name: agentName((number + rule + turn) % size.agents) }],
  }));
  return object(`route-${number}`, { rules });
}

/** An Agent; another `turn` makes it another content. */
export function agent(number: number, turn: number): Written<KubeObject> {
  const inline = `You are assistant ${turn} of team ${number}. Be short, be kind, and say where you know things from. `;
  return object(agentName(number), {
    displayName: `Assistant ${turn} of team ${number}`,
    instructions: { inline: inline.repeat(8) },
    model: { provider: 'openai', name: 'gpt', apiKeySecretRef: { name: 'model' } },
  });
}

/** A CronJob; another `turn` makes it another content. */
export function cronJob(number: number, size: Size, turn: number): Written<KubeObject> {
  return object(`job-${number}`, {
    schedule: `${number % 60} ${number % 24} * * *`,
    agentRef: { name: agentName(number % size.agents) },
    prompt: { inline: `Report ${turn}: what happened to project ${number} since yesterday, in ten lines at most.` },
    deliver: [{ name: 'log', log: true }],
  });
}

function agentName(number: number): string {
  return `agent-${number}`;
}

function object(name: string, spec: object): Written<KubeObject> {
  return { metadata: { name }, spec } as Written<KubeObject>;
}

async function applyAll(
  client: KubeClient,
  resource: KubeResource,
  objects: readonly Written<KubeObject>[],
): Promise<void> {
  for (let from = 0; from < objects.length; from += atOnce) {
    await Promise.all(objects.slice(from, from + atOnce).map((one) => client.apply(resource, one)));
  }
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
