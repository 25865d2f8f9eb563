import type { FastifyRequest } from 'fastify';
import { TalariaError } from '../../core/lib/errors.ts';
import { type ResolveQuery, resolve } from '../../core/route/resolve.ts';
import type { SnapshotContent } from '../../core/snapshot/schema.ts';
import { authenticate } from '../../gateway/admit/auth.ts';
import { createTurnRunner } from '../../gateway/agent/turn.ts';
import { createTableHolder, type Table } from '../../gateway/config/table.ts';
import type { Database } from '../../gateway/db/pool.ts';
import { readChatBody } from '../../gateway/ingress/chat-completions/chat-body.ts';
import { readTurnHeaders, toQuery } from '../../gateway/ingress/turn-query.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { spokenText } from '../../gateway/sessions/items.ts';
import { refusedAsError } from '../../gateway/turns/refused.ts';
import { createStatelessTurns, type StatelessTurns } from '../../gateway/turns/stateless-turn.ts';
import { configuration } from '../harness/entries.ts';
import { createFindings, type Findings, type Outcome, type Report } from './findings.ts';
import { createGate, type Gate, taggedModels } from './gated-models.ts';
import { hostileIds } from './ids.ts';
import { type Known, predict, predictRun } from './predict.ts';
import { createRandom, type Random } from './random.ts';
import { type Asked, newRequest } from './request.ts';
import { takeRun, type Waiting } from './take-run.ts';
import { agentNames, changeWorld, createWorld, fieldsOf, type World } from './world.ts';

export interface InProcessOptions {
  readonly seed: number;
  /** How many requests and runs shall end. A run that was accepted counts once it has ended. */
  readonly count: number;
  /** Default: 200. That many are under way while the world changes once. */
  readonly batch?: number;
  readonly say?: (line: string) => void;
}

export interface InProcessReport extends Report {
  readonly changes: number;
  /** How many of the total were runs. */
  readonly runs: number;
}

/**
 * Random requests and runs through everything that the gateway does with one between its socket and the model: key,
 * headers, body, envelope, resolution, turn. What is under way when the world changes must end in the world in which it
 * began; a run that waited is taken in a later world than the one that accepted it.
 */
export async function runInProcess(options: InProcessOptions): Promise<InProcessReport> {
  const { seed, count, batch = 200, say = () => undefined } = options;
  const stage = createStage(seed);
  await stage.put();
  let changes = 0;
  for (let ended = 0; ended < count; ended = stage.findings.report().total) {
    const underWay = Array.from({ length: batch }, () => stage.one());
    await stage.change();
    changes += 1;
    stage.gate.open();
    await Promise.all(underWay);
    stage.gate.close();
    if (changes % 500 === 0) say(`${ended} requests and runs`);
  }
  return { ...stage.findings.report(), changes, runs: stage.runs() };
}

/** The world as it is now, and the gateway's parts around it. */
interface Now {
  readonly world: World;
  readonly content: SnapshotContent;
  readonly table: Table;
}

interface Stage {
  readonly findings: Findings;
  /** Puts the world in force. */
  readonly put: () => Promise<void>;
  /** One request, or one run, from its start to its check. */
  readonly one: () => Promise<void>;
  readonly change: () => Promise<void>;
  readonly gate: Gate;
  readonly runs: () => number;
}

/** So many accepted runs wait for a worker, while the world changes a few times. */
const waitingRuns = 1_000;

function createStage(seed: number): Stage {
  const changing = createRandom(seed);
  const findings = createFindings();
  const gate = createGate();
  const tables = createTableHolder();
  const runTurn = createTurnRunner({ models: taggedModels(gate), metrics: createMetrics() });
  const stateless = createStatelessTurns({ database: stickyDatabase(), isStateAvailable: () => true, runTurn });
  const waiting: Waiting[] = [];
  let world = createWorld(changing);
  let now: Now | undefined;
  let runs = 0;
  let asked = 0;

  const put = async () => {
    const next = configuration(fieldsOf(world, () => ({ provider: 'openai-compatible', name: 'm' })));
    await tables.swap(next);
    const table = tables.current();
    if (table === undefined) throw new Error('no table is in force');
    now = { world, content: next.snapshot.content, table };
  };
  const run = async ({ world: taken, table }: Now, { text, ...agent }: Waiting) => {
    runs += 1;
    const outcome = await takeRun(runTurn, table, { ...agent, text });
    findings.check(predictRun(taken, agent), outcome, text);
  };
  const request = async (at: Now, random: Random) => {
    const text = `question ${asked}`;
    const sent = newRequest(random, at.world);
    const known = newKnown(random, sent);
    const accept = random.chance(0.25);
    const prediction = predict(at.world, at.content, sent, known);
    const outcome = await answer({ stateless, at, sent, known, text, accept });
    if ('accepted' in outcome) {
      const { accepted } = outcome;
      if (!prediction.agents.some(({ uid }) => uid === accepted.uid)) {
        findings.wrong(`predicted ${JSON.stringify(prediction)}, accepted for ${accepted.name}`);
      }
      waiting.push(accepted);
      return;
    }
    findings.check(prediction, outcome, text);
    const isSticky = sent.chatId !== '' || sent.threadId !== '';
    if (prediction.agents.length > 1 && isSticky) {
      const again = await answer({ stateless, at, sent, known, text, accept: false });
      const same = JSON.stringify(again) === JSON.stringify(outcome);
      if (!same) findings.wrong(`a conversation moved from ${JSON.stringify(outcome)} to ${JSON.stringify(again)}`);
    }
  };
  return {
    findings,
    put,
    one: async () => {
      if (now === undefined) throw new Error('no world is in force');
      asked += 1;
      // A source of its own: what it draws does not depend on what else is under way.
      const random = createRandom(seed + asked * 7_919);
      const accepted = waiting.length > waitingRuns && random.chance(0.5) ? waiting.shift() : undefined;
      await (accepted === undefined ? request(now, random) : run(now, accepted));
    },
    change: async () => {
      world = changeWorld(changing, world);
      await put();
    },
    gate,
    runs: () => runs,
  };
}

interface Sent {
  readonly stateless: StatelessTurns;
  readonly at: Now;
  readonly sent: Asked;
  readonly known: Known;
  readonly text: string;
  /** The turn is for the background: it ends with its agent. */
  readonly accept: boolean;
}

/** What the handlers of the API do with a request, without a socket. */
async function answer(options: Sent): Promise<Outcome | { readonly accepted: Waiting }> {
  const { stateless, at, sent, known, text, accept } = options;
  const { table, world } = at;
  try {
    const request = requestOf(table, sent);
    const headers = readTurnHeaders(request);
    const body = readChatBody({ model: sent.model, messages: [{ role: 'user', content: text }] });
    const isRetired = (name: string) => world.retired.has(name);
    const facts = { headers, model: body.model, text, receivedAt: 0, isRetired };
    const query: ResolveQuery = { ...toQuery(request, facts), ...known };
    if (accept) {
      const { agent } = refusedAsError(resolve(table.routes, query));
      return { accepted: { name: agent.name, uid: agent.uid, text } };
    }
    const { messages, tools, parameters } = body;
    const clientSignal = never;
    const turn = await stateless.begin({ table, query, messages, tools, parameters, clientSignal, acquire: admitAll });
    const { output } = await turn.complete();
    return { kind: 'answered', agent: turn.resolution.agentName, answer: JSON.parse(spokenText(output)) };
  } catch (error) {
    if (error instanceof TalariaError) return { kind: 'refused', code: error.code };
    throw error;
  }
}

const never = new AbortController().signal;
const admitAll = async () => undefined;

/** As Fastify hands it over, in so far as the readers of requests look at it. */
function requestOf(table: Table, { key, rawHeaders }: Asked): FastifyRequest {
  const authorization = key === undefined ? undefined : `Bearer ${key}`;
  const principal = authenticate(authorization, table, { keyless: false });
  const headers: Record<string, string> = { authorization: authorization ?? '' };
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers[(rawHeaders[at] ?? '').toLowerCase()] = rawHeaders[at + 1] ?? '';
  const request = { raw: { rawHeaders }, headers, admission: { table, principal, claims: {} }, facts: {} };
  return request as unknown as FastifyRequest;
}

/** Of some requests the database knows that they belong to a session, run or response, or to none that there is. */
function newKnown(random: Random, { chatId }: Asked): Known {
  const stickyAgent = stickyAgentOf(chatId);
  const sticky = stickyAgent === undefined ? {} : { stickyAgent };
  if (random.chance(0.9)) return sticky;
  const kind = random.pick(['session', 'run', 'response'] as const);
  if (random.chance(0.2)) return { ...sticky, boundMissing: `${kind}_not_found` };
  return { ...sticky, bound: { kind, agent: random.pick(agentNames) } };
}

/** A third of the chats have a live session. */
function stickyAgentOf(chatId: string): string | undefined {
  const at = hostileIds.indexOf(chatId);
  return at >= 0 && at % 3 === 0 ? agentNames[(at * 7) % agentNames.length] : undefined;
}

/** Knows the newest live session of a chat, which is all that a stateless turn asks. */
function stickyDatabase(): Database {
  const query = async (_text: string, [, , chatId]: readonly unknown[] = []) => {
    const agent = stickyAgentOf(String(chatId));
    return { rows: agent === undefined ? [] : [{ agent }], rowCount: 0 };
  };
  return { query } as unknown as Database;
}
