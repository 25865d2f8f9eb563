import { Registry } from 'prom-client';
import { systemClock as clock } from '../../../core/lib/clock.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { type Envelope, envelope } from '../../../core/route/envelope.ts';
import { createModels } from '../../../gateway/agent/models/models.ts';
import { createTurnRunner } from '../../../gateway/agent/turn.ts';
import { type ChatReply, createReceiver } from '../../../gateway/chat/receive.ts';
import { createTableHolder } from '../../../gateway/config/table.ts';
import { createHints } from '../../../gateway/db/hints.ts';
import { createDatabase } from '../../../gateway/db/pool.ts';
import { createEgressPolicy } from '../../../gateway/egress.ts';
import { createLimits } from '../../../gateway/limits/limits.ts';
import { createMetrics } from '../../../gateway/metrics.ts';
import { createSessionOwners } from '../../../gateway/sessions/owners.ts';
import { createActiveTurns } from '../../../gateway/turns/active-turns.ts';
import { createTurnFinisher } from '../../../gateway/turns/finish-turn.ts';
import { createStoredTurns } from '../../../gateway/turns/stored-turn.ts';
import { createLeaseKeeper } from '../../../gateway/worker/lease.ts';
import { type ConfigurationFields, configuration } from '../../harness/entries.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** What of a gateway answers chats, in this process; there is no platform yet that could. */
export interface ChatReplica {
  readonly receive: (message: Partial<Envelope>) => Promise<ChatReply>;
  readonly serve: (fields: ConfigurationFields) => Promise<void>;
  readonly stop: () => Promise<void>;
}

let replicas = 0;

/** Starts one on this database. */
export async function startChatReplica(url: string, serves: ConfigurationFields): Promise<ChatReplica> {
  const log = createLogger('test', 'silent');
  const database = createDatabase({ url, directUrl: url, log });
  const tables = createTableHolder();
  await tables.swap(configuration(serves));
  replicas += 1;
  const lease = createLeaseKeeper({ database, replica: `chat-${replicas}`, sequence: () => 1, clock, log });
  const hints = createHints({ database, directUrl: url, registry: new Registry(), log, clock });
  const egress = createEgressPolicy({ kind: 'models', allow: ['127.0.0.0/8'], privateNetworks: true });
  const models = createModels({ egress });
  const finisher = createTurnFinisher({ database, hints, log });
  const active = createActiveTurns({ database, lease: lease.current, hints, log });
  const limits = createLimits({ database, lease: lease.current, clock, registry: new Registry() });
  const runTurn = createTurnRunner({ models, metrics: createMetrics() });
  const owners = createSessionOwners();
  const stored = createStoredTurns({
    database,
    lease: lease.current,
    owners,
    finisher,
    hints,
    active,
    runTurn,
    now: clock.now,
  });
  const receiver = createReceiver({ tables, database, hints, stored, limits, isRetired: () => false });
  hints.start();
  lease.start();
  active.start();
  await waitFor('the lease of the worker', () => lease.current());
  await waitFor('hints to arrive', () => hints.pollMs() > 1_000);
  const stopping = new AbortController();
  return {
    receive: (message) => receiver.receive(envelope(message), stopping.signal),
    serve: (fields) => tables.swap(configuration(fields)),
    stop: async () => {
      stopping.abort(new Error('the test is over'));
      await finisher.stop(100);
      await active.stop();
      await limits.stop();
      await lease.stop();
      await models.stop();
      await hints.stop();
      await database.stop();
    },
  };
}
