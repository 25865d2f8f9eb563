import { compileRoutes, type RouteTable } from '../../../../core/route/compile.ts';
import { type Envelope, envelope } from '../../../../core/route/envelope.ts';
import type { Principal } from '../../../../core/route/principal.ts';
import type { ResolveQuery } from '../../../../core/route/resolve.ts';
import type {
  AgentEntry,
  JobEntry,
  MatchEntry,
  RouteEntry,
  RuleEntry,
  SnapshotContent,
} from '../../../../core/snapshot/schema.ts';

/** Calls every Agent. */
export const anyone: Principal = { id: 'gateway-key:all', role: 'client', agents: '*' };

export function agent(name: string, fields: Partial<AgentEntry> = {}): AgentEntry {
  return {
    name,
    uid: `uid-${name}`,
    generation: 1,
    default: false,
    model: { provider: 'echo', name: 'echo', parameters: {}, timeoutSeconds: 60, maxRetries: 0, fallbacks: [] },
    skills: [],
    tools: { builtin: [], maxSteps: 8, mcpServers: [] },
    files: [],
    accounts: [],
    keys: [],
    sessions: {
      groupScope: 'User',
      threadScope: 'Chat',
      maxHistoryMessages: 50,
      concurrency: 'Queue',
      onDisconnect: 'Continue',
      approvalTimeoutSeconds: 600,
    },
    limits: { turnTimeoutSeconds: 300 },
    ...fields,
  };
}

/** An Agent that owns one account. */
export function agentWithAccount(name: string, account: string, shared: boolean): AgentEntry {
  const fields = { platform: 'telegram', onAmbiguous: 'Park', credentials: {}, settings: {} } as const;
  return agent(name, { accounts: [{ name: account, shared, ...fields }] });
}

/** A rule that gives what meets `match` to one Agent. */
export function rule(
  name: string,
  match: MatchEntry | readonly MatchEntry[],
  to: string | RuleEntry['agentRefs'],
): RuleEntry {
  return {
    name,
    matches: Array.isArray(match) ? match : [match as MatchEntry],
    agentRefs: typeof to === 'string' ? [{ name: to, weight: 1 }] : to,
  };
}

export function route(name: string, rules: readonly RuleEntry[], fields: Partial<RouteEntry> = {}): RouteEntry {
  const identity = { name, uid: `uid-${name}`, generation: 1, createdAt: '2026-01-01T00:00:00Z' };
  return { ...identity, priority: 0, rules, ...fields };
}

export function content(agents: readonly (AgentEntry | string)[], routes: readonly RouteEntry[] = []): SnapshotContent {
  const entries = agents.map((entry) => (typeof entry === 'string' ? agent(entry) : entry));
  return { agents: entries, routes, jobs: [], gatewayKeys: [], texts: {} };
}

export function table(
  agents: readonly (AgentEntry | string)[],
  routes: readonly RouteEntry[] = [],
): Promise<RouteTable> {
  return compileRoutes(content(agents, routes));
}

/** A query for one message by someone who may call every Agent; no name is retired. */
export function query(message: Partial<Envelope>, fields: Partial<Omit<ResolveQuery, 'envelope'>> = {}): ResolveQuery {
  return { envelope: envelope(message), principal: anyone, isRetired: () => false, ...fields };
}

export function job(agentName: string): JobEntry {
  return {
    name: 'report',
    uid: 'uid-report',
    generation: 1,
    agent: agentName,
    schedule: '@daily',
    timeZone: 'UTC',
    prompt: 'hash',
    session: { type: 'Isolated' },
    suspend: false,
    concurrencyPolicy: 'Forbid',
    catchUp: { policy: 'Latest', maxRuns: 1 },
    jitterSeconds: 0,
    timeoutSeconds: 600,
    retry: { maxAttempts: 1, backoffSeconds: 10 },
    deliver: [],
    silenceMarker: '[SILENT]',
    contextFrom: [],
    onFailure: { deliver: [], afterConsecutive: 1 },
    onDelete: 'Finish',
    runsHistoryLimit: 10,
  };
}
