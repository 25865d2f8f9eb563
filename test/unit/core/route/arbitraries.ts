import fc from 'fast-check';
import { type Envelope, envelope } from '../../../../core/route/envelope.ts';
import type { Principal } from '../../../../core/route/principal.ts';
import type { ResolveQuery } from '../../../../core/route/resolve.ts';
import type {
  AgentEntry,
  MatchEntry,
  RouteEntry,
  RuleEntry,
  SnapshotContent,
} from '../../../../core/snapshot/schema.ts';
import { agentWithAccount } from './fixtures.ts';
import { expressions } from './reference.ts';

/** Few values for everything, so that random rules and messages meet, tie and conflict all the time. */
const values = {
  platform: ['api', 'telegram'],
  account: ['a/main', 'b/main', 'gone/main'],
  chatId: ['c1', 'c2', 'd3'],
  chatType: ['direct', 'group', 'channel'],
  threadId: ['t1', 't2'],
  userId: ['u1', 'u2'],
  userIdAlt: ['v1'],
  guildId: ['g1', 'g2'],
  parentChatId: ['p1'],
  apiKey: ['k1', 'k2'],
  model: ['gpt', 'a', 'b'],
} as const;

/** `d` and `gone` do not exist; `gone` once did. */
const agentNames = ['a', 'b', 'c', 'd', 'gone'];

const some = <T>(list: readonly T[]) => fc.constantFrom(...list);

/** The first value three times out of four. */
const often = <T, U>(value: T, others: readonly U[]): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: some(others) });

const headers = fc.uniqueArray(fc.record({ name: some(['X-Team', 'x-tier']), value: some(['red', 'blue']) }), {
  minLength: 1,
  maxLength: 2,
  selector: ({ name }) => name,
});

const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  ...Object.fromEntries(Object.entries(values).map(([name, list]) => [name, some<string>(list)])),
  headers,
  expression: some(Object.keys(expressions)),
};

/** A match of one to three of the named fields. */
function matchOf(names: readonly string[]): fc.Arbitrary<MatchEntry> {
  return fc
    .uniqueArray(some(names), { minLength: 1, maxLength: 3 })
    .chain((picked) => fc.tuple(...picked.map((name) => fc.tuple(fc.constant(name), fields[name] ?? fc.constant('')))))
    .map((entries) => Object.fromEntries(entries));
}

const match = matchOf([...Object.keys(fields), ...Object.keys(values), 'platform', 'chatId', 'userId']);

function ruleOf(matches: fc.Arbitrary<MatchEntry>): fc.Arbitrary<Omit<RuleEntry, 'name'>> {
  const refs = fc.uniqueArray(fc.record({ name: some(agentNames), weight: fc.nat({ max: 2 }) }), {
    minLength: 1,
    maxLength: 3,
    selector: ({ name }) => name,
  });
  return fc.record(
    {
      matches: fc.array(matches, { minLength: 1, maxLength: 3 }),
      agentRefs: refs,
      sessionScope: some(['User', 'Chat'] as const),
    },
    { requiredKeys: ['matches', 'agentRefs'] },
  );
}

function routesOf(
  matches: fc.Arbitrary<MatchEntry>,
  maxLength = 14,
  maxRules = 3,
): fc.Arbitrary<readonly RouteEntry[]> {
  const one = fc.record({
    priority: some([-1, 0, 0, 0, 1]),
    createdAt: some(['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']),
    rules: fc.array(ruleOf(matches), { minLength: 1, maxLength: maxRules }),
  });
  return fc.array(one, { minLength: maxLength / 2, maxLength }).map((list) =>
    list.map(({ rules, ...rest }, at) => ({
      name: `r${at}`,
      uid: `uid-${at}`,
      generation: 1,
      ...rest,
      rules: rules.map((rule, place) => ({ name: `rule${place}`, ...rule })),
    })),
  );
}

/** A handful of Routes with all kinds of matches, enough for an index of several levels, and hundreds. */
export const routes = routesOf(match);
export const someRoutes = routesOf(match, 60);
export const manyRoutes = routesOf(match, 400);

/** Routes of one rule, without what the shadow proof does not decide: expressions, and a field that is never absent. */
export const plainRoutes = routesOf(
  matchOf(Object.keys(fields).filter((name) => name !== 'expression' && name !== 'chatType')),
  30,
  1,
);

/** Routes that compare nothing but the chat of a message. */
export const chatRoutes = routesOf(matchOf(['platform', 'account', 'chatId', 'chatType', 'threadId']), 30);

const refusal = some([undefined, undefined, undefined, 'agent_suspended', 'agent_not_ready'] as const);

const agents: fc.Arbitrary<readonly AgentEntry[]> = fc
  .tuple(
    fc.tuple(
      ...['a', 'b', 'c'].map(() => fc.record({ refuse: refusal, shared: fc.boolean(), present: fc.nat({ max: 5 }) })),
    ),
    some([undefined, 'a', 'b', 'c']),
  )
  .map(([list, defaultName]) =>
    list.flatMap(({ refuse, shared, present }, at) => {
      const name = ['a', 'b', 'c'][at] ?? 'a';
      const entry = { ...agentWithAccount(name, 'main', shared), default: name === defaultName };
      if (present === 0) return [];
      return [refuse === undefined ? entry : { ...entry, refuse }];
    }),
  );

export const contents: fc.Arbitrary<SnapshotContent> = fc
  .record({ agents, routes })
  .map((parts) => ({ ...parts, jobs: [], gatewayKeys: [], texts: {} }));

const orAbsent = (list: readonly string[]) => some([...list, ...list, '']);

/** Messages over the same values, each field present or not. */
export const messages: fc.Arbitrary<Envelope> = fc
  .record({
    platform: some(values.platform),
    account: often('', values.account),
    chatId: orAbsent(values.chatId),
    chatType: some(values.chatType),
    threadId: orAbsent(values.threadId),
    userId: orAbsent(values.userId),
    userIdAlt: orAbsent(values.userIdAlt),
    guildId: orAbsent(values.guildId),
    parentChatId: orAbsent(values.parentChatId),
    apiKey: orAbsent(values.apiKey),
    model: often('gpt', ['', 'a', 'b', 'gone', 'talaria/a', 'talaria/d', 'talaria/gone']),
    headers: some([{}, { 'x-team': 'red' }, { 'x-team': 'blue', 'x-tier': 'red' }, { 'x-team': '' }]),
    claims: some([{}, { level: 1 }, { level: 2 }, { level: 'high' }]),
  })
  .map(envelope);

const principals: fc.Arbitrary<Principal> = fc
  .record(
    { agents: often('*' as const, [['a'], ['a', 'b'], ['c', 'd', 'gone']]), ownAgent: some(['a', 'd']) },
    { requiredKeys: ['agents'] },
  )
  .map((known) => ({ id: 'gateway-key:test', role: 'client', ...known }));

/** Everything a request may bring, with what the database would know of it. */
export const queries: fc.Arbitrary<ResolveQuery> = fc
  .record(
    {
      envelope: messages,
      principal: principals,
      lookedUp: often('', ['session a', 'run b', 'response gone', 'session_not_found', 'run_not_found']),
      stickyAgent: some(agentNames),
      idempotencyKey: some(['key-1', 'key-2']),
      drawn: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    },
    { requiredKeys: ['envelope', 'principal', 'lookedUp', 'drawn'] },
  )
  .map(({ lookedUp, drawn, ...rest }) => ({
    ...rest,
    ...databaseAnswer(lookedUp),
    isRetired: (name) => name === 'gone',
    random: () => drawn,
  }));

function databaseAnswer(text: string): Pick<ResolveQuery, 'bound' | 'boundMissing'> {
  if (text === 'session_not_found' || text === 'run_not_found') return { boundMissing: text };
  const [kind, agent = ''] = text.split(' ');
  if (kind === 'session' || kind === 'run' || kind === 'response') return { bound: { kind, agent } };
  return {};
}
