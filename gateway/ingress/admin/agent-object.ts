import { z } from 'zod';
import type { AgentEntry } from '../../../core/snapshot/schema.ts';
import type { AgentStatus } from '../../config/source.ts';
import { countInQuery } from '../body.ts';
import { nameInQuery } from './shapes.ts';

/** The query of `GET /admin/v1/agents`. */
export const agentListSchema = z.strictObject({
  limit: countInQuery(100, 20),
  after: nameInQuery('Agent').optional().describe('Name of the last agent of the page before.'),
});

/** An Agent in a list. */
export const agentObjectSchema = z.object({
  name: z.string(),
  object: z.literal('agent'),
  uid: z.string(),
  generation: z.int().describe('The generation that is served.'),
  serves: z
    .boolean()
    .describe('Whether it answers. While it does not, every message to it is refused with `refused_with`.'),
  refused_with: z.enum(['agent_suspended', 'agent_not_ready']).nullable(),
  refused_reason: z.string().nullable().describe('The reason of the condition behind it.'),
  default: z.boolean().describe('Whether it serves what no rule matched.'),
  display_name: z.string().nullable(),
  description: z.string().nullable(),
  model: z.object({ provider: z.string(), name: z.string() }),
  routes: z.int().min(0).describe('How many Routes name it.'),
  jobs: z.int().min(0).describe('How many CronJobs run as it.'),
  accounts: z.array(
    z.object({
      name: z.string(),
      platform: z.string(),
      shared: z.boolean(),
      ready: z.boolean().nullable().describe('Null while it is not known.'),
      message: z.string().nullable().describe('What is wrong with it, and the cure.'),
    }),
  ),
});

/** An Agent that is read by itself. */
export const agentDetailSchema = agentObjectSchema.extend({
  fallbacks: z.array(z.object({ provider: z.string(), name: z.string() })),
  instructions_bytes: z.int().min(0),
  skills: z.array(z.string()),
  tools: z.array(z.string()).describe('The built-in ones.'),
  mcp_servers: z.array(z.string()),
  files: z.array(z.string()).describe('Their paths in the profile.'),
  keys: z.array(z.string()).describe('Names of the keys that may call it alone.'),
});

export type AgentObject = z.output<typeof agentObjectSchema>;
export type AgentDetail = z.output<typeof agentDetailSchema>;

/** What an object of an Agent is made of besides its entry. */
export interface AgentFacts {
  readonly routes: number;
  readonly jobs: number;
  /** Undefined while nothing is known of its accounts. */
  readonly accounts: AgentStatus['accounts'] | undefined;
}

/** An Agent as lists of the admin API show it. */
export function agentObject(entry: AgentEntry, { routes, jobs, accounts = [] }: AgentFacts): AgentObject {
  return {
    name: entry.name,
    object: 'agent',
    uid: entry.uid,
    generation: entry.generation,
    serves: entry.refuse === undefined,
    refused_with: entry.refuse ?? null,
    refused_reason: entry.refuseReason ?? null,
    default: entry.default,
    display_name: entry.displayName ?? null,
    description: entry.description ?? null,
    model: modelOf(entry.model),
    routes,
    jobs,
    accounts: entry.accounts.map(({ name, platform, shared }) => {
      const known = accounts.find((account) => account.name === name);
      return { name, platform, shared, ready: known?.ready ?? null, message: known?.message ?? null };
    }),
  };
}

/** An Agent with what it has. `instructionsBytes`: how long its instructions are in UTF-8. */
export function agentDetail(entry: AgentEntry, facts: AgentFacts, instructionsBytes: number): AgentDetail {
  return {
    ...agentObject(entry, facts),
    fallbacks: entry.model.fallbacks.map(modelOf),
    instructions_bytes: instructionsBytes,
    skills: entry.skills.map(({ name }) => name),
    tools: [...entry.tools.builtin],
    mcp_servers: entry.tools.mcpServers.map(({ name }) => name),
    files: entry.files.map(({ path }) => path),
    keys: entry.keys.map(({ name }) => name),
  };
}

function modelOf({ provider, name }: { readonly provider: string; readonly name: string }): AgentObject['model'] {
  return { provider, name };
}
