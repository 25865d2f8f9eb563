import fc from 'fast-check';
import { sha256 } from '../../../../core/lib/hash.ts';
import type {
  AgentEntry,
  GatewayKeyEntry,
  JobEntry,
  RouteEntry,
  SnapshotContent,
} from '../../../../core/snapshot/schema.ts';

/** A small but complete Agent entry. */
export function agentEntry(name: string, fields: Partial<AgentEntry> = {}): AgentEntry {
  return {
    name,
    uid: `uid-agent-${name}`,
    generation: 1,
    default: false,
    model: { provider: 'echo', name: 'echo', parameters: {}, timeoutSeconds: 60, maxRetries: 2, fallbacks: [] },
    skills: [],
    tools: { builtin: [], maxSteps: 10, mcpServers: [] },
    files: [],
    accounts: [],
    keys: [],
    sessions: {
      groupScope: 'User',
      threadScope: 'Chat',
      maxHistoryMessages: 100,
      concurrency: 'Queue',
      onDisconnect: 'Continue',
      approvalTimeoutSeconds: 300,
    },
    limits: { turnTimeoutSeconds: 300 },
    ...fields,
  };
}

export function routeEntry(name: string, fields: Partial<RouteEntry> = {}): RouteEntry {
  return {
    name,
    uid: `uid-route-${name}`,
    generation: 1,
    priority: 0,
    createdAt: '2026-01-01T00:00:00Z',
    rules: [{ name: 'r', matches: [{ chatId: name }], agentRefs: [{ name: 'a', weight: 1 }] }],
    ...fields,
  };
}

export function jobEntry(name: string, promptHash: string): JobEntry {
  return {
    name,
    uid: `uid-job-${name}`,
    generation: 1,
    agent: 'a',
    schedule: '@hourly',
    timeZone: 'UTC',
    prompt: promptHash,
    session: { type: 'Isolated' },
    suspend: false,
    concurrencyPolicy: 'Forbid',
    catchUp: { policy: 'Latest', maxRuns: 1 },
    jitterSeconds: 0,
    timeoutSeconds: 300,
    retry: { maxAttempts: 1, backoffSeconds: 10 },
    deliver: [],
    silenceMarker: '[SILENT]',
    contextFrom: [],
    onFailure: { deliver: [], afterConsecutive: 1 },
    onDelete: 'Finish',
    runsHistoryLimit: 10,
  };
}

export function gatewayKeyEntry(name: string): GatewayKeyEntry {
  return {
    name,
    uid: `uid-key-${name}`,
    agents: ['*'],
    role: 'client',
    deliver: false,
    credentials: [`${name}.key.v1`],
  };
}

export const emptyContent: SnapshotContent = { agents: [], routes: [], jobs: [], gatewayKeys: [], texts: {} };

/** `count` Routes of about 250 bytes each, and no Agent. */
export function manyRoutes(count: number): SnapshotContent {
  return { ...emptyContent, routes: Array.from({ length: count }, (_, index) => routeEntry(`route-${index}`)) };
}

const names = (max: number) => fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), { maxLength: max });

/** Any content that an operator could publish, small or beyond the size of one bucket, with any characters in its texts. */
export const anyContent: fc.Arbitrary<SnapshotContent> = fc
  .record({
    agents: names(8),
    routes: names(20),
    jobs: names(8),
    keys: names(4),
    texts: fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 5 }),
    paddingBytes: fc.constantFrom(0, 0, 300_000),
  })
  .map(({ agents, routes, jobs, keys, texts, paddingBytes }) => {
    const all = texts.map((text, index) => text + 'x'.repeat(index === 0 ? paddingBytes : 0));
    const hashOf = (index: number) => sha256(all[index % all.length] ?? '');
    const contents = {
      agents: agents.map((name, index) => agentEntry(name, { instructions: hashOf(index) })).sort(byName),
      routes: routes.map((name) => routeEntry(name)).sort(byName),
      jobs: jobs.map((name, index) => jobEntry(name, hashOf(index + 1))).sort(byName),
      gatewayKeys: keys.map(gatewayKeyEntry).sort(byName),
    };
    const needed = [...contents.agents.map((agent) => agent.instructions), ...contents.jobs.map((job) => job.prompt)];
    const kept = all.filter((text) => needed.includes(sha256(text)));
    return { ...contents, texts: Object.fromEntries(kept.map((text) => [sha256(text), text])) };
  });

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
