import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../core/lib/clock.ts';
import { newId } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { createHintConnection } from './hint-connection.ts';
import { createHintHearers, type HintFollower } from './hint-hearers.ts';
import { decodeMessage, encodeHints, encodeTest, type HintTopic } from './hint-message.ts';
import { createHintOutbox } from './hint-outbox.ts';
import { createHintSelfTest } from './hint-self-test.ts';
import type { Database } from './pool.ts';

export type { HintFollower, HintTopic };

/**
 * Tells all replicas that something in the database has changed, so that those who wait look at once. Any hint may be
 * lost, come twice, or come before a replica's own look would see the change: who hears one looks, and who hears none
 * looks too, every `pollMs()`.
 */
export interface Hints {
  /**
   * Tells every replica, this one at once; the id '' stands for every id of the topic. To be called after the commit, and
   * outside any transaction. Never throws, never waits: the others are told in batches, at most one in 20 ms.
   */
  readonly tell: (topic: HintTopic, id: string) => void;
  /**
   * Calls `listener` with the id of each hint of this topic and id. The id '' listens to every id, and is called with ''
   * when it may be any. Gives a function that ends it.
   */
  readonly listen: (topic: HintTopic, id: string, listener: (id: string) => void) => () => void;
  /** For a loop that looks and waits in turns: a hint that comes during the look is not missed. Dispose it at the end. */
  readonly follow: (topic: HintTopic, id: string) => HintFollower;
  /** How often those who wait look by themselves, in ms: seldom while hints are known to arrive, else each second. */
  readonly pollMs: () => number;
  /** Begins to hear other replicas; those in this process hear each other without. */
  readonly start: () => void;
  /** Sends what is left, within 1 s. To be called before the database stops. Who still waits polls. */
  readonly stop: () => Promise<void>;
}

export interface HintsOptions {
  /** Sends; may go through a pooler. */
  readonly database: Database;
  /** Hears; goes past a pooler. */
  readonly directUrl: string;
  readonly registry: Registry;
  readonly log: Logger;
  readonly clock: Clock;
}

const channel = 'talaria_hints';
const workingPollMs = 5_000;
const brokenPollMs = 1_000;

/** Makes Hints. Nothing is connected before `start`; while the database is away hints stay in this process. */
export function createHints({ database, directUrl, registry, log, clock }: HintsOptions): Hints {
  const self = newId();
  const metrics = addHintMetrics(registry);
  let working: boolean | undefined;
  const note = (now: boolean, why?: unknown) => {
    if (now && !working) log.info('hints between replicas arrive');
    if (!now && working !== false) log.warn({ why }, notArriving);
    working = now;
    metrics.working.set(now ? 1 : 0);
  };

  const pollMs = () => (working ? workingPollMs : brokenPollMs);
  const hearers = createHintHearers({ pollMs, log });
  const notify = (payloads: readonly string[]) => database.prepared('notify-hints', notifyStatement, [payloads]);
  const outbox = createHintOutbox({
    send: (hints) => notify(encodeHints(self, hints)),
    onDropped: (count) => metrics.dropped.inc(count),
    clock,
  });
  const connection = createHintConnection({
    directUrl,
    channel,
    onPayload: (payload) => {
      const message = decodeMessage(payload);
      if (message === undefined) metrics.malformed.inc();
      else if (message.from !== self) for (const [topic, id] of message.hints) hearers.deliver(topic, id);
      else if (message.test !== undefined) selfTest.heard(message.test);
    },
    onListening: () => {
      selfTest.nudge();
      // What was told while nobody listened is lost.
      hearers.deliverAll();
    },
    onLost: (error) => note(false, error instanceof Error ? error.message : error),
  });
  const selfTest = createHintSelfTest({
    notify: (nonce) => notify([encodeTest(self, nonce)]),
    isListening: connection.isListening,
    onResult: (result) => {
      note(result === 'passed' && connection.isListening(), result);
      if (result === 'passed') connection.proven();
      if (result === 'not-heard') connection.renew();
    },
    log,
  });

  return {
    tell: (topic, id) => {
      hearers.deliver(topic, id);
      outbox.add(topic, id);
    },
    listen: hearers.listen,
    follow: hearers.follow,
    pollMs,
    start: () => {
      connection.start();
      selfTest.start();
    },
    stop: async () => {
      await Promise.all([selfTest.stop(), connection.stop(), outbox.stop()]);
      working = undefined;
      metrics.working.set(0);
    },
  };
}

/** One statement, and so one commit, for all payloads. */
const notifyStatement = `select pg_notify('${channel}', payload) from unnest($1::text[]) as payload`;

const notArriving =
  'hints between replicas do not arrive; waiting work is looked for each second. The direct URL must reach PostgreSQL itself, not a pooler';

function addHintMetrics(registry: Registry) {
  const registers = [registry];
  return {
    working: new Gauge({
      name: 'talaria_hints_working',
      help: 'Whether hints between replicas are known to arrive; while they are not, work is looked for each second.',
      registers,
    }),
    malformed: new Counter({
      name: 'talaria_hints_malformed_total',
      help: 'Notifications that were no hints and were ignored.',
      registers,
    }),
    dropped: new Counter({
      name: 'talaria_hints_dropped_total',
      help: 'Hints that could not be sent to other replicas.',
      registers,
    }),
  };
}
