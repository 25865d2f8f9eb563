import { sha256 } from '../../core/lib/hash.ts';
import type { KeyLimits } from '../../core/route/principal.ts';
import type {
  AgentEntry,
  GatewayKeyEntry,
  JobEntry,
  MatchEntry,
  RouteEntry,
  RuleEntry,
  SnapshotContent,
} from '../../core/snapshot/schema.ts';
import type { Configuration } from '../../gateway/config/source.ts';

/** What a test says of an Agent; everything else is the API's default. */
export interface AgentFields extends Partial<Omit<AgentEntry, 'model' | 'sessions' | 'limits' | 'instructions'>> {
  readonly model?: Partial<AgentEntry['model']>;
  readonly sessions?: Partial<AgentEntry['sessions']>;
  readonly limits?: Partial<AgentEntry['limits']>;
  /** The text itself. */
  readonly instructions?: string;
  /** API keys of this Agent in plain text. */
  readonly apiKeys?: readonly (string | LimitedKey)[];
}

export interface LimitedKey {
  readonly key: string;
  readonly limits: KeyLimits;
}

export interface GatewayKeyFields {
  readonly name: string;
  /** In plain text. */
  readonly key: string;
  /** Default: every one. */
  readonly agents?: readonly string[];
  readonly role?: 'client' | 'admin';
  readonly deliver?: boolean;
}

export interface RuleFields {
  readonly name?: string;
  readonly match: MatchEntry | readonly MatchEntry[];
  /** Names, or names with weights. */
  readonly to: string | Readonly<Record<string, number>>;
  readonly sessionScope?: 'User' | 'Chat';
}

export interface ConfigurationFields {
  readonly agents?: readonly (AgentFields & { readonly name: string })[];
  /** Route name -> its rules. */
  readonly routes?: Readonly<Record<string, readonly RuleFields[]>>;
  readonly gatewayKeys?: readonly GatewayKeyFields[];
  readonly jobs?: readonly JobEntry[];
  /** Texts that jobs name by their hash. */
  readonly texts?: readonly string[];
  /** Credential name -> value, for the keys of models. */
  readonly credentials?: Readonly<Record<string, string>>;
  /** Default: one more than the last. */
  readonly sequence?: number;
}

let lastSequence = 0;

/** A configuration as a source hands it over, with a sequence above that of all before it. */
export function configuration(fields: ConfigurationFields): Configuration {
  lastSequence = Math.max(lastSequence + 1, fields.sequence ?? 0);
  const sequence = fields.sequence ?? lastSequence;
  const credentials = new Map(Object.entries(fields.credentials ?? {}));
  const texts = Object.fromEntries((fields.texts ?? []).map((text) => [sha256(text), text]));
  const agents = (fields.agents ?? []).map((agent) => agentEntry(agent, texts, credentials));
  const gatewayKeys = (fields.gatewayKeys ?? []).map((key) => gatewayKeyEntry(key, credentials));
  const routes = Object.entries(fields.routes ?? {}).map(([name, rules]) => routeEntry(name, rules));
  const content: SnapshotContent = { agents, routes, jobs: fields.jobs ?? [], gatewayKeys, texts };
  return {
    snapshot: { revision: sha256(JSON.stringify(content)), sequence, content, routeParts: [content.routes] },
    credentials,
  };
}

function agentEntry(
  { apiKeys = [], instructions, model, sessions, limits, ...fields }: AgentFields & { readonly name: string },
  texts: Record<string, string>,
  credentials: Map<string, string>,
): AgentEntry {
  if (instructions !== undefined) texts[sha256(instructions)] = instructions;
  const keys = apiKeys.map((each, at) => {
    const credential = `${fields.name}.key${at}.v1`;
    credentials.set(credential, sha256(typeof each === 'string' ? each : each.key));
    const bounds = typeof each === 'string' ? {} : { limits: each.limits };
    return { name: `key${at}`, deliver: false, credentials: [credential], ...bounds };
  });
  return {
    uid: `uid-${fields.name}`,
    generation: 1,
    default: false,
    ...(instructions === undefined ? {} : { instructions: sha256(instructions) }),
    model: {
      provider: 'echo',
      name: 'echo',
      parameters: {},
      timeoutSeconds: 30,
      maxRetries: 0,
      fallbacks: [],
      ...model,
    },
    skills: [],
    tools: { builtin: [], maxSteps: 8, mcpServers: [] },
    files: [],
    accounts: [],
    keys,
    sessions: {
      groupScope: 'User',
      threadScope: 'Chat',
      maxHistoryMessages: 100,
      concurrency: 'Queue',
      onDisconnect: 'Continue',
      approvalTimeoutSeconds: 600,
      ...sessions,
    },
    limits: { turnTimeoutSeconds: 60, ...limits },
    ...fields,
  };
}

function gatewayKeyEntry(
  { name, key, agents = ['*'], role = 'client', deliver = false }: GatewayKeyFields,
  credentials: Map<string, string>,
): GatewayKeyEntry {
  const credential = `gateway-key.${name}.v1`;
  credentials.set(credential, sha256(key));
  return { name, uid: `uid-${name}`, agents: [...agents], role, deliver, credentials: [credential] };
}

function routeEntry(name: string, rules: readonly RuleFields[]): RouteEntry {
  const entries = rules.map(
    ({ name: rule, match, to, sessionScope }, at): RuleEntry => ({
      name: rule ?? `rule${at}`,
      matches: [match].flat() as MatchEntry[],
      agentRefs: Object.entries(typeof to === 'string' ? { [to]: 1 } : to).map(([agent, weight]) => ({
        name: agent,
        weight,
      })),
      ...(sessionScope === undefined ? {} : { sessionScope }),
    }),
  );
  return {
    name,
    uid: `uid-route-${name}`,
    generation: 1,
    priority: 0,
    createdAt: '2026-01-01T00:00:00Z',
    rules: entries,
  };
}
