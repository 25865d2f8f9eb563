/**
 * `resolve` at 100 to 50,000 rules, beside a plain scan over the same rules in the same run, and what a compile and the
 * shadow proof cost. Budget: under 2 us at 10,000 rules, and ten times the rules cost at most 1.5 times. `busy` is the
 * traffic of 500 conversations; `spread` takes every rule equally often, which also measures how much of the table the
 * caches of the processor hold.
 */
import { compileRoutes, type RouteTable } from '../core/route/compile.ts';
import { type Envelope, envelope } from '../core/route/envelope.ts';
import { compareMatches } from '../core/route/order.ts';
import type { Principal } from '../core/route/principal.ts';
import { resolve } from '../core/route/resolve.ts';
import { findShadowed } from '../core/route/shadow.ts';
import { bucketOf, maxBuckets } from '../core/snapshot/names.ts';
import {
  type AgentEntry,
  type MatchEntry,
  type MatchField,
  matchFields,
  type RouteEntry,
  type SnapshotContent,
} from '../core/snapshot/schema.ts';

const principal: Principal = { id: 'local', role: 'client', agents: '*' };
const sizes = [100, 1_000, 5_000, 10_000, 50_000];
const batchSize = 100;
const busyConversations = 500;

async function main(): Promise<void> {
  const rows: Record<string, string>[] = [];
  const compiles: Record<string, string>[] = [];
  const times = new Map<number, { readonly busy: number; readonly spread: number }>();
  for (const size of sizes) {
    const content = contentOf(size);
    const table = await compileRoutes(content);
    const resolveOne = (message: Envelope) => resolve(table, queryOf(message));
    const busy = nanosPerCall(content.routes, 3_000, resolveOne, busyConversations);
    const spread = nanosPerCall(content.routes, 3_000, resolveOne, size);
    const scan = nanosPerCall(content.routes, Math.max(10, 20_000 / size), scanner(table), size);
    times.set(size, { busy, spread });
    const tenth = times.get(size / 10);
    rows.push({
      rules: String(size),
      'busy ns': busy.toFixed(0),
      'to a tenth of the rules': tenth === undefined ? '' : (busy / tenth.busy).toFixed(2),
      'spread ns': spread.toFixed(0),
      'to a tenth, spread': tenth === undefined ? '' : (spread / tenth.spread).toFixed(2),
      'scan ns': scan.toFixed(0),
      'scan / busy': (scan / busy).toFixed(0),
    });
    compiles.push(await compileTimes(content));
  }
  console.table(rows);
  console.table(compiles);
}

function queryOf(message: Envelope) {
  return { envelope: message, principal, isRetired: () => false };
}

/** One rule in each Route, in the mix that chats, threads, users, keys, guilds, models and headers have. */
function contentOf(size: number): SnapshotContent {
  const agents = Array.from({ length: 100 }, (_, at) => agentOf(`agent-${at}`, at === 0));
  const routes = Array.from({ length: size }, (_, at) => routeOf(at));
  return { agents, routes, jobs: [], gatewayKeys: [], texts: {} };
}

function agentOf(name: string, isDefault: boolean): AgentEntry {
  return {
    name,
    uid: name,
    generation: 1,
    default: isDefault,
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
  };
}

function routeOf(at: number): RouteEntry {
  const matches = [matchOf(at)];
  return {
    name: `route-${at}`,
    uid: `uid-${at}`,
    generation: 1,
    priority: at % 50 === 0 ? 10 : 0,
    createdAt: new Date(1_700_000_000_000 + at * 1000).toISOString(),
    rules: [{ name: 'main', matches, agentRefs: [{ name: `agent-${at % 100}`, weight: 1 }] }],
  };
}

function matchOf(at: number): MatchEntry {
  const platform = ['telegram', 'slack', 'discord', 'api'][at % 4] ?? 'api';
  const kind = at % 20;
  if (kind < 8) return { platform, chatId: `chat-${at}` };
  if (kind < 11) return { platform, chatId: `chat-${at - (at % 20)}`, threadId: `thread-${at}` };
  if (kind < 14) return { platform, userId: `user-${at}` };
  if (kind < 15) return { platform, chatId: `chat-${at - (at % 20)}`, userId: `user-${at}` };
  if (kind < 16) return { apiKey: `key-${at}`, model: `model-${at % 7}` };
  if (kind < 17) return { platform, guildId: `guild-${at}` };
  if (kind < 18) return { platform, parentChatId: `forum-${at % 200}`, userId: `user-${at}` };
  if (kind < 19) return { platform, headers: [{ name: 'X-Team', value: `team-${at}` }] };
  return { platform, account: `agent-${at % 100}/bot-${at}`, chatType: 'direct' };
}

/** Half of the messages match one of `spread` rules, half none; all carry what a chat message or an API request has. */
function messagesFor(routes: readonly RouteEntry[], first: number, spread: number): Envelope[] {
  return Array.from({ length: batchSize }, (_, index) => {
    const at = first + index;
    const match = at % 2 === 0 ? routes[((at % spread) * 7919) % routes.length]?.rules[0]?.matches[0] : undefined;
    const named = matchFields.flatMap((field) => (match?.[field] === undefined ? [] : [[field, fresh(match[field])]]));
    const headers = (match?.headers ?? []).map(({ name, value }) => [name.toLowerCase(), fresh(value)]);
    return envelope({
      platform: fresh('slack'),
      chatId: fresh(`other-${at}`),
      userId: fresh(`someone-${at}`),
      model: fresh('gpt-5'),
      headers: { accept: '*/*', 'user-agent': 'bench', 'x-team': fresh('none'), ...Object.fromEntries(headers) },
      ...Object.fromEntries(named),
    });
  });
}

/** A string as it comes from the network: not the one that lies in the table, and not hashed yet. */
function fresh(text: string): string {
  return Buffer.from(text).toString();
}

/** The matcher without an index: every match of every rule is compared field by field, the best one is kept. */
function scanner(table: RouteTable): (message: Envelope) => unknown {
  const matches = [...table.parts.values()].flat().flatMap((route) => route.rules.flatMap((rule) => rule.matches));
  return (message) => {
    let best: (typeof matches)[number] | undefined;
    for (const match of matches) {
      const holds = match.conditions.every(({ kind, name, value }) =>
        kind === 'field' ? message[name as MatchField] === value : message.headers[name] === value,
      );
      if (holds && (best === undefined || compareMatches(match, best) < 0)) best = match;
    }
    return best;
  };
}

/**
 * The tenth percentile over batches of new messages, which leaves out what else the machine does. A batch is small, since
 * a request has just made its message when it resolves it, and no message is seen twice, since nothing about one is known.
 */
function nanosPerCall(
  routes: readonly RouteEntry[],
  batches: number,
  run: (message: Envelope) => unknown,
  spread: number,
): number {
  const times = Array.from({ length: batches }, (_, batch) => {
    const messages = messagesFor(routes, batch * batchSize, spread);
    const start = performance.now();
    for (const message of messages) run(message);
    return ((performance.now() - start) / batchSize) * 1e6;
  });
  return times.sort((a, b) => a - b)[Math.floor(batches / 10)] ?? 0;
}

/** As a gateway does it: the Routes lie in buckets, and a change gives a new list of one of them. */
async function compileTimes(content: SnapshotContent): Promise<Record<string, string>> {
  const parts = Map.groupBy(content.routes, ({ uid }) => bucketOf(uid, maxBuckets));
  const before = await compileRoutes(content, undefined, [...parts.values()]);
  const [first = [], ...others] = parts.values();
  const changedPart = () => first.map((route, at) => (at === 0 ? { ...route, priority: 7 } : { ...route }));
  return {
    routes: String(content.routes.length),
    'full ms': await milliseconds(
      () => structuredClone(content),
      (fresh) => compileRoutes(fresh),
    ),
    'one changed ms': await milliseconds(changedPart, (part) => compileRoutes(content, before, [part, ...others])),
    'shadow proof ms': await milliseconds(
      () => content.routes,
      (routes) => findShadowed(routes),
    ),
  };
}

/** The second best of nine, without the making of the input. */
async function milliseconds<T>(make: () => T, run: (input: T) => unknown): Promise<string> {
  const times: number[] = [];
  for (let at = 0; at < 9; at++) {
    const input = make();
    const start = performance.now();
    await run(input);
    times.push(performance.now() - start);
  }
  return (times.sort((a, b) => a - b)[1] ?? 0).toFixed(1);
}

await main();
