import { setTimeout as delay } from 'node:timers/promises';
import type { SnapshotContent } from '../../core/snapshot/schema.ts';
import type { Findings, Outcome, TaggedAnswer } from './findings.ts';
import type { HttpClient, Reply } from './http-client.ts';
import { hostileIds, writeHeader } from './ids.ts';
import { eitherOf, type Known, type Prediction, predictRun, predictWithSessions, principalOf } from './predict.ts';
import type { Random } from './random.ts';
import { type Asked, newRequest } from './request.ts';
import type { KnownSession, KnownSessions } from './sessions.ts';
import { digestOf, type Said } from './tagged-model.ts';
import type { World } from './world.ts';

/** What is declared at one time, for the reference and as the gateways have it. */
export interface At {
  readonly world: World;
  readonly content: SnapshotContent;
}

/** How often what was done. */
export type Counts = Record<'changes' | 'runs' | 'continued' | 'hijacks' | 'repeats', number>;

/** What one request may meet: the worlds before and after the change that comes meanwhile. */
export interface Context {
  readonly random: Random;
  readonly findings: Findings;
  readonly counts: Counts;
  readonly sessions: KnownSessions;
  readonly worlds: readonly At[];
  readonly anyReplica: () => HttpClient;
  /** The question of this request, which no other has. */
  readonly text: string;
}

/** Sends one request of some kind and checks all that comes of it. */
export async function sendOne(context: Context): Promise<void> {
  const { random, worlds } = context;
  const { world } = worlds[0] ?? {};
  if (world === undefined) throw new Error('no world is in force');
  const sent = newRequest(random, world);
  const kind = random.below(100);
  if (kind < 30) return await ask(context, sent, undefined, 'chat');
  if (kind < 65) return await ask(context, sent, chooseSession(context, sent), 'chat');
  if (kind < 80) return await ask(context, sent, chooseSession(context, sent), 'run');
  if (kind < 90) return await ask(context, sent, undefined, 'run');
  return await askTwice(context, sent);
}

/** Which session a request names, and what is known of it. */
interface Named {
  readonly value: string;
  readonly name: string;
  readonly principal: string;
  readonly session: KnownSession | undefined;
  /** Undefined: there is none of this id for this principal. */
  readonly exists: boolean;
}

const names: readonly string[] = [...hostileIds.filter((id) => !id.startsWith('ses_')), 's1', 's2', 's3', 's4', 's5'];

/** A name that others use too, the id of one's own session, or, to be refused, another's or none. */
function chooseSession({ random, sessions, counts, worlds }: Context, { key }: Asked): Named | undefined {
  // A key of two Agents speaks for another principal once the first of them is gone or back.
  const [principal = '', later = ''] = worlds.map(({ world }) => principalOf(world, key)?.id);
  if (principal !== later) return undefined;
  const none = { name: '', principal, session: undefined, exists: false };
  if (random.chance(0.08)) {
    const foreign = sessions.foreign(random, principal);
    if (foreign === undefined) return undefined;
    counts.hijacks += 1;
    return { ...none, value: foreign.id };
  }
  if (random.chance(0.03)) {
    return {
      ...none,
      value: random.pick(['ses_', 'ses_x', `ses_${'0'.repeat(32)}`, 'ses_0123456789ABCDEF0123456789ABCDEF']),
    };
  }
  const name = [...`${random.pick(names)}${random.chance(0.3) ? '' : random.below(20)}`].slice(-256).join('');
  if (!sessions.take(principal, name)) return undefined;
  const session = sessions.byName(principal, name);
  const value = session !== undefined && random.chance(0.4) ? session.id : name;
  return { value, name, principal, session, exists: true };
}

/** Sends one request and checks what comes of it, its history included. */
async function ask(context: Context, asked: Asked, named: Named | undefined, as: 'chat' | 'run'): Promise<void> {
  const { random, findings, text, worlds } = context;
  const sent = named === undefined ? asked : withSession(random, asked, named.value);
  const junk = random.chance(0.3) ? junkBefore(text) : [];
  const messages: readonly Said[] = [...junk, { role: 'user', content: text }];
  const known = knownOf(named);
  const predicted = worlds
    .map(({ world, content }) => predictWithSessions(world, content, sent, known))
    .reduce(eitherOf);
  const stored = named === undefined || sent.broken ? undefined : named;
  const history: readonly Said[] = stored === undefined ? junk : (stored.session?.said ?? []);
  const expected = digestOf([...history, { role: 'user', content: text }]);
  const came =
    as === 'chat' ? await chat(context, sent, messages) : await background(context, sent, { messages, predicted });
  if (came === undefined) return;
  findings.check(came.predicted ?? predicted, came.outcome, text);
  if (came.outcome.kind !== 'answered') return;
  const { answer, agent } = came.outcome;
  if (answer.digest !== expected) {
    findings.wrong(`${text}: its model saw another conversation than the one of ${JSON.stringify(named)}`);
  }
  if (stored === undefined) return;
  if (history.length > 0) context.counts.continued += 1;
  const session = stored.session ?? newSession(context, stored, { agent, id: came.session });
  if (session.id !== came.session || session.agent !== agent) {
    findings.wrong(`${text}: session ${session.id} of ${session.agent}, answered in ${came.session} by ${agent}`);
  }
  session.said.push({ role: 'user', content: text }, { role: 'assistant', content: came.said });
}

function newSession(
  { sessions }: Context,
  { principal, name }: Named,
  made: { agent: string; id: string },
): KnownSession {
  const session = { principal, name, ...made, said: [] };
  sessions.add(session);
  return session;
}

function withSession(random: Random, asked: Asked, value: string): Asked {
  return { ...asked, rawHeaders: [...asked.rawHeaders, 'X-Talaria-Session-Id', writeHeader(random, value)] };
}

function knownOf(named: Named | undefined): Known {
  if (named === undefined) return {};
  if (!named.exists) return { boundMissing: 'session_not_found' };
  return named.session === undefined ? {} : { bound: { kind: 'session', agent: named.session.agent } };
}

/** What a client claims was said before: in a session it counts for nothing. */
function junkBefore(text: string): readonly Said[] {
  return [
    { role: 'user', content: `never asked before ${text}` },
    { role: 'assistant', content: 'never said' },
  ];
}

interface Came {
  readonly outcome: Outcome;
  /** Where it differs from what was predicted of the request. */
  readonly predicted?: Prediction;
  /** '' for none. */
  readonly session: string;
  /** The text of the answer. */
  readonly said: string;
}

async function chat(
  { anyReplica }: Context,
  { key, model, rawHeaders }: Asked,
  messages: readonly Said[],
): Promise<Came> {
  const body = JSON.stringify({ ...(model === '' ? {} : { model }), messages });
  return ofChat(await anyReplica().send({ method: 'POST', path: '/v1/chat/completions', key, rawHeaders, body }));
}

function ofChat({ status, headers, body }: Reply): Came {
  if (status !== 200) return refused(body.error?.code ?? `status ${status}`);
  const said = body.choices?.[0]?.message.content ?? '';
  const agent = String(headers['x-talaria-agent']);
  return {
    outcome: { kind: 'answered', agent, answer: read(said) },
    session: String(headers['x-talaria-session-id'] ?? ''),
    said,
  };
}

function refused(code: string): Came {
  return { outcome: { kind: 'refused', code }, session: '', said: '' };
}

function read(said: string): TaggedAnswer {
  try {
    return JSON.parse(said) as TaggedAnswer;
  } catch {
    return { tag: '', key: '', asked: `no JSON: ${said}` };
  }
}

interface RunAsked {
  readonly messages: readonly Said[];
  readonly predicted: Prediction;
}

/** Submits a run, tries to see it as somebody else, and waits for its end on any replica. */
async function background(context: Context, { key, model, rawHeaders }: Asked, asked: RunAsked): Promise<Came> {
  const { anyReplica, worlds, findings, counts } = context;
  const body = JSON.stringify({ ...(model === '' ? {} : { model }), input: asked.messages });
  const accepted = await anyReplica().send({ method: 'POST', path: '/v1/runs', key, rawHeaders, body });
  if (accepted.status !== 202) return refused(accepted.body.error?.code ?? `status ${accepted.status}`);
  counts.runs += 1;
  const agents = asked.predicted.agents.filter(({ name }) => name === accepted.body.agent);
  if (agents.length === 0)
    findings.wrong(`a run was accepted for ${accepted.body.agent}: ${JSON.stringify(asked.predicted)}`);
  await hijackRun(context, accepted.body.id ?? '', key);
  const ended = await untilEnded(context, accepted.body.id ?? '', key);
  // The agent that it was accepted for is of one of the two worlds, and the one that takes it too.
  const predicted = agents
    .flatMap((agent) => worlds.map(({ world }) => predictRun(world, agent)))
    .reduce(eitherOf, nothing);
  if (ended === undefined) return { ...refused('invalid_key'), predicted: keyIsGone(context, key) };
  if (ended.status !== 'completed') return { ...refused(ended.error?.code ?? `run ${ended.status}`), predicted };
  const said = ended.output_text ?? '';
  const outcome = { kind: 'answered', agent: ended.agent ?? '', answer: read(said) } as const;
  return { outcome, predicted, session: ended.session_id ?? '', said };
}

const nothing: Prediction = { agents: [], codes: [] };

/** A key that an Agent took with it when it was deleted. */
function keyIsGone({ worlds }: Context, key: string | undefined): Prediction {
  return {
    agents: [],
    codes: worlds.some(({ world }) => principalOf(world, key) === undefined) ? ['invalid_key'] : [],
  };
}

async function hijackRun(
  { random, anyReplica, findings, counts }: Context,
  id: string,
  key: string | undefined,
): Promise<void> {
  const thief = ['key-all', 'key-second', 'key-narrow'].find((other) => other !== key);
  if (!random.chance(0.3)) return;
  counts.hijacks += 1;
  const [method, path] = random.pick([
    ['GET', `/v1/runs/${id}`],
    ['GET', `/v1/runs/${id}/events`],
    ['POST', `/v1/runs/${id}/stop`],
  ] as const);
  const { status, body } = await anyReplica().send({
    method,
    path,
    key: thief,
    ...(method === 'POST' ? { body: '{}' } : {}),
  });
  if (status !== 404 || body.error?.code !== 'run_not_found')
    findings.wrong(`${method} ${path} of another's run: ${status}`);
}

/** The run once it has ended; undefined when its key is not valid any more. */
async function untilEnded(
  { anyReplica }: Context,
  id: string,
  key: string | undefined,
): Promise<Reply['body'] | undefined> {
  for (let waited = 0; waited < 1_500; waited += 1) {
    const { status, body } = await anyReplica().send({ method: 'GET', path: `/v1/runs/${id}`, key });
    if (status === 401) return undefined;
    if (['completed', 'failed', 'cancelled', 'unknown'].includes(body.status ?? '')) return body;
    await delay(20);
  }
  throw new Error(`run ${id} did not end`);
}

/** With an Idempotency-Key, and again on any replica; as somebody else it is a request of its own. */
async function askTwice(context: Context, asked: Asked): Promise<void> {
  const { random, anyReplica, findings, counts, text, worlds } = context;
  const rawHeaders = [...asked.rawHeaders, 'Idempotency-Key', text.replace(' ', '-')];
  const { key, model } = asked;
  const content = (said: string) =>
    JSON.stringify({ ...(model === '' ? {} : { model }), messages: [{ role: 'user', content: said }] });
  const send = (as: string | undefined, said: string) =>
    anyReplica().send({ method: 'POST', path: '/v1/chat/completions', key: as, rawHeaders, body: content(said) });
  const predict = (sent: Asked) =>
    worlds.map(({ world, content: declared }) => predictWithSessions(world, declared, sent, {})).reduce(eitherOf);
  const first = await send(key, text);
  findings.check(predict(asked), ofChat(first).outcome, text);
  if (first.status !== 200) return;
  counts.repeats += 1;
  const again = await send(key, text);
  const isGone = again.status === 401 && keyIsGone(context, key).codes.length > 0;
  const isSame = again.headers['idempotency-replayed'] === 'true' && isSameAnswer(first, again);
  if (!isSame && !isGone)
    findings.wrong(`${text}: repeated, ${JSON.stringify(first.body)} became ${JSON.stringify(again.body)}`);
  const changed = await send(key, `${text} changed`);
  if (changed.body.error?.code !== 'idempotency_conflict' && !isGone && changed.status !== 401) {
    findings.wrong(`${text}: another body under the same Idempotency-Key gave ${changed.status}`);
  }
  const other = key === 'key-all' ? 'key-second' : 'key-all';
  const foreign = random.chance(0.5) ? undefined : await send(other, text);
  if (foreign === undefined) return;
  findings.check(predict({ ...asked, key: other }), ofChat(foreign).outcome, text);
  if (foreign.headers['idempotency-replayed'] !== undefined)
    findings.wrong(`${text}: another principal got the stored answer`);
}

/** By the same run. When it was made is told by two clocks. */
function isSameAnswer(first: Reply, again: Reply): boolean {
  const [one, other] = [first, again].map(({ headers, body }) =>
    JSON.stringify([headers['x-talaria-run-id'], { ...body, created: 0 }]),
  );
  return one === other;
}
