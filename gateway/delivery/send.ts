import { Counter, type Registry } from 'prom-client';
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../../core/lib/clock.ts';
import { toWire } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { createNudgedLoop } from '../../core/lib/nudged-loop.ts';
import { quietly } from '../../core/lib/quietly.ts';
import { untilStored } from '../../core/lib/until-stored.ts';
import { within } from '../../core/lib/within.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { type EgressPolicy, guardedConnector } from '../egress.ts';
import type { LeaseKeeper } from '../worker/lease.ts';
import { type ClaimedDelivery, claimDeliveries } from './claim-deliveries.ts';
import { judge, recordVerdict, type Verdict } from './record.ts';
import type { SendResult } from './send-result.ts';
import { signingSecrets } from './signing-secrets.ts';
import { sendToLog } from './targets/log.ts';
import { sendWebhook } from './targets/webhook.ts';

/** Sends what runs left in the outbox. */
export interface Sender {
  readonly start: () => void;
  /** Looks for deliveries at once; to be called when outbox rows were stored. */
  readonly nudge: () => void;
  /** Takes nothing more and waits for what is being sent, at most `budgetMs`; the rest is sent by others. */
  readonly stop: (budgetMs: number) => Promise<void>;
}

export interface SenderOptions {
  readonly database: Database;
  readonly lease: LeaseKeeper;
  readonly table: () => Table | undefined;
  /** Which addresses webhooks may reach. */
  readonly egress: EgressPolicy;
  /** False while this replica's snapshot is too old to take background work. */
  readonly mayWork: () => boolean;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
}

const lookEveryMs = 200;
/** How many deliveries are sent at once, each of another line. */
const concurrency = 128;
const connectTimeoutMs = 5_000;
/** How long a receiver may take to answer. */
const answerWithinMs = 15_000;
/** How long aborted sends may take to end when the sender stops. */
const abortMs = 1_000;

/** Makes a Sender. Every replica has one; the rows in `sending` keep them off each other's lines. */
export function createSender(options: SenderOptions): Sender {
  const dispatcher = new Agent({
    connect: guardedConnector(options.egress, connectTimeoutMs),
    keepAliveTimeout: 10_000,
  });
  const attempts = new Counter({
    name: 'talaria_delivery_attempts_total',
    help: 'Attempts to send, by kind of target and by what the delivery became: sent, pending (sent again later) or dead.',
    labelNames: ['kind', 'status'],
    registers: [options.registry],
  });
  const count: Count = (kind, status) => attempts.inc({ kind, status });
  const gaveUp = new AbortController();
  const sending = new Map<string, Promise<void>>();

  const take = async (): Promise<void> => {
    const held = options.lease.current();
    const table = options.table();
    const free = concurrency - sending.size;
    if (free <= 0 || held === undefined || table === undefined || !options.mayWork()) return;
    const { deliveries, leaseExpired } = await claimDeliveries(options.database, held.id, [...sending.keys()], free);
    if (leaseExpired) options.lease.lost(held);
    for (const delivery of deliveries) {
      const done = sendOne({ ...options, dispatcher, count, table, signal: gaveUp.signal }, delivery).finally(() => {
        sending.delete(delivery.id);
        nudge();
      });
      sending.set(delivery.id, done);
    }
  };

  const { start, nudge, stop } = createNudgedLoop(lookEveryMs, take, options.log);

  return {
    start,
    nudge,
    stop: async (budgetMs) => {
      await stop();
      const ended = Promise.all(sending.values());
      await within(ended, budgetMs);
      gaveUp.abort(new Error('the gateway is stopping'));
      await within(ended, abortMs);
      await dispatcher.destroy();
    },
  };
}

type Count = (kind: 'webhook' | 'log', status: Verdict['status']) => void;

interface SendOptions extends Pick<SenderOptions, 'database' | 'clock' | 'log'> {
  readonly dispatcher: Dispatcher;
  readonly count: Count;
  readonly table: Table;
  readonly signal: AbortSignal;
}

/** Sends once and records what came of it. Throws nothing: what cannot be recorded is sent again under the same id. */
async function sendOne(options: SendOptions, delivery: ClaimedDelivery): Promise<void> {
  const { database, log, count, signal } = options;
  await quietly(log, async () => {
    const verdict = judge(await sendTo(options, delivery), delivery.attempt);
    count(delivery.destination.kind, verdict.status);
    if (verdict.status !== 'sent') {
      const about = { delivery: delivery.id, agent: delivery.agent, target: delivery.target, error: verdict.error };
      log.warn({ ...about, status: verdict.status, attempt: delivery.attempt }, 'a delivery was not sent');
    }
    await untilStored(() => recordVerdict(database, delivery, verdict), signal);
  });
}

async function sendTo(
  { clock, log, dispatcher, table, signal }: SendOptions,
  { id, agent, agentUid, jobUid, target, destination, body }: ClaimedDelivery,
): Promise<SendResult> {
  const uid = table.agents.get(agent)?.uid;
  if (uid !== undefined && uid !== agentUid) {
    return { kind: 'not-sent', error: 'agent_replaced: the Agent was deleted and made again', final: true };
  }
  if (destination.kind === 'log') return sendToLog(log, toWire('dlv', id), body);
  const { webhook } = destination;
  const secrets = signingSecrets(table, jobUid, target, webhook);
  if (secrets === undefined) return { kind: 'not-sent', error: 'its signing secret is missing', final: false };
  return await sendWebhook(dispatcher, {
    url: webhook.url,
    id: toWire('dlv', id),
    body: JSON.stringify(body),
    secrets,
    now: clock.now(),
    answerWithinMs,
    signal,
  });
}
