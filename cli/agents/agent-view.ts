import { agentSchema } from '../../crds/agent.ts';
import type { AgentDetail, AgentObject } from '../../gateway/ingress/admin/agent-object.ts';
import { type Complaint, complaintsOf, complaintText } from '../complaints.ts';
import { readyCell, type StoredAgent, specOf } from '../remote/cluster-objects.ts';
import { age, type Column, printable } from '../remote/output.ts';

/** What tables say of an Agent, wherever it was read. */
export interface AgentView {
  readonly name: string;
  readonly ready: string;
  /** `<provider>/<name>` */
  readonly model: string;
  readonly default: boolean;
  readonly routes: number;
  readonly jobs: number;
  readonly displayName: string;
  readonly description: string;
  /** Unix seconds; null where only a gateway was asked. */
  readonly createdAt: number | null;
  readonly accounts: readonly { readonly name: string; readonly ready: boolean | null; readonly message: string }[];
  readonly complaints: readonly Complaint[];
  /** Titles and names of what it has, such as its skills. */
  readonly has: readonly (readonly [title: string, names: readonly string[]])[];
}

/** An Agent as a cluster has it. */
export function viewOfStored(agent: StoredAgent): AgentView {
  const { metadata, status } = agent;
  const spec = specOf(agentSchema, agent);
  const states = status?.accounts ?? [];
  return {
    name: metadata.name,
    ready: readyCell(agent),
    model: spec === undefined ? '' : `${spec.model.provider}/${spec.model.name}`,
    default: spec?.default ?? false,
    routes: status?.routes ?? 0,
    jobs: status?.cronJobs ?? 0,
    displayName: spec?.displayName ?? '',
    description: spec?.description ?? '',
    createdAt: metadata.creationTimestamp === undefined ? null : Date.parse(metadata.creationTimestamp) / 1_000,
    accounts: (spec?.accounts ?? []).map(({ name }) => {
      const state = states.find((account) => account.name === name);
      return { name, ready: state?.ready ?? null, message: state?.message ?? '' };
    }),
    complaints: complaintsOf(agent),
    has: [
      ['SKILLS', namesOf(spec?.skills)],
      ['TOOLS', spec?.tools.builtin ?? []],
      ['MCP SERVERS', namesOf(spec?.tools.mcpServers)],
      ['KEYS', namesOf(spec?.access.apiKeys)],
    ],
  };
}

function namesOf(list: readonly { readonly name: string }[] = []): readonly string[] {
  return list.map(({ name }) => name);
}

/** An Agent as a gateway serves it. */
export function viewOfServed(agent: AgentObject | AgentDetail): AgentView {
  const { name, model, routes, jobs, accounts } = agent;
  return {
    name,
    ready: readyOfServed(agent),
    model: `${model.provider}/${model.name}`,
    default: agent.default,
    routes,
    jobs,
    displayName: agent.display_name ?? '',
    description: agent.description ?? '',
    createdAt: null,
    accounts: accounts.map((account) => ({ ...account, message: account.message ?? '' })),
    complaints: complaintsOfServed(agent),
    has:
      'skills' in agent
        ? [
            ['SKILLS', agent.skills],
            ['TOOLS', agent.tools],
            ['MCP SERVERS', agent.mcp_servers],
            ['KEYS', agent.keys],
          ]
        : [],
  };
}

function readyOfServed({ serves, refused_with: code }: AgentObject): string {
  if (serves) return 'True';
  return code === 'agent_suspended' ? 'Suspended' : 'False';
}

function complaintsOfServed({
  refused_with: code,
  refused_reason: reason,
  accounts,
}: AgentObject): readonly Complaint[] {
  const refused = code === 'agent_not_ready' ? [{ condition: 'Ready', reason: reason ?? code, message: '' }] : [];
  const failed = accounts.filter(({ ready }) => ready === false).map(({ name }) => name);
  if (failed.length === 0) return refused;
  return [
    ...refused,
    { condition: 'AccountsReady', reason: 'AccountFailed', message: `not ready: ${failed.join(', ')}` },
  ];
}

export const agentColumns: readonly Column<AgentView>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'READY', cell: ({ ready }) => ready, state: true },
  { title: 'MODEL', cell: ({ model }) => model },
  { title: 'DEFAULT', cell: (agent) => (agent.default ? 'true' : '') },
  { title: 'ROUTES', cell: ({ routes }) => String(routes) },
  { title: 'JOBS', cell: ({ jobs }) => String(jobs) },
  { title: 'AGE', cell: ({ createdAt }) => age(createdAt) },
  { title: 'ACCOUNTS', cell: accountsInShort, wide: true },
  { title: 'WHY', cell: ({ complaints }) => complaints.map(({ reason }) => reason).join(','), wide: true },
];

export const detailColumns: readonly Column<AgentView>[] = [
  ...agentColumns.filter(({ title }) => !['ACCOUNTS', 'WHY'].includes(title)),
  { title: 'DISPLAY NAME', cell: ({ displayName }) => displayName },
  { title: 'DESCRIPTION', cell: ({ description }) => description },
  ...['SKILLS', 'TOOLS', 'MCP SERVERS', 'KEYS'].map((title) => ({
    title,
    cell: ({ has }: AgentView) => has.find(([name]) => name === title)?.[1].join(', ') ?? '',
  })),
];

/** `2/3`: so many of its accounts are ready, as far as is known. */
function accountsInShort({ accounts }: AgentView): string {
  return accounts.length === 0 ? '' : `${accounts.filter(({ ready }) => ready !== false).length}/${accounts.length}`;
}

/** What is wrong with an Agent and its accounts, each with the cure; '' when nothing is. */
export function troublesOf({ accounts, complaints }: AgentView): string {
  const lines = complaints.map((complaint) => complaintText(`${complaint.condition}: ${complaint.reason}`, complaint));
  const broken = accounts.filter(({ ready }) => ready === false);
  const all = [...lines, ...broken.map(({ name, message }) => `account ${name}: ${message}`)];
  return all.length === 0 ? '' : `\nWhat is wrong:\n${all.map((line) => `  ${printable(line, 'line')}\n`).join('')}`;
}
