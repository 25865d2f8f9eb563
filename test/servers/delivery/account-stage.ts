import { afterEach, beforeEach } from 'vitest';
import type { AgentEntry, RouteEntry } from '../../../core/snapshot/schema.ts';
import { buildTable, type Table } from '../../../gateway/config/table.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry } from '../schedule/entries.ts';
import { type Replica, startReplica } from '../schedule/replica.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { answers, type FakePlatform } from './fake-sender.ts';
import { storeDelivery } from './stored-deliveries.ts';

export type Account = AgentEntry['accounts'][number];

/** An account of the platform `fake`; the platform must be told the token of its credentials. */
export const account = (name: string, change: Partial<Account> = {}): Account => ({
  name,
  platform: 'fake',
  shared: false,
  onAmbiguous: 'Park',
  credentials: { token: `${name}.v1` },
  settings: {},
  ...change,
});

/** The Agent that sends. */
export const clerk = (...accounts: Account[]) => agentEntry('clerk', { accounts });

export interface Parts {
  readonly sequence?: number;
  readonly agents?: readonly AgentEntry[];
  readonly routes?: readonly RouteEntry[];
  readonly credentials?: Readonly<Record<string, string>>;
}

const defaultCredentials = { 'bot.v1': 'token of bot', 'bot.v2': 'new token of bot', 'other.v1': 'token of other' };

/** A table of the Agent `clerk` with the account `bot`, unless `agents` says otherwise. */
export async function tableOf({
  sequence = 1,
  agents,
  routes = [],
  credentials = defaultCredentials,
}: Parts): Promise<Table> {
  const content = { agents: agents ?? [clerk(account('bot'))], routes, jobs: [], gatewayKeys: [], texts: {} };
  const snapshot = { revision: `r${sequence}`, sequence, content, routeParts: [routes] };
  return await buildTable({ snapshot, credentials: new Map(Object.entries(credentials)) });
}

interface Message {
  readonly text?: string;
  readonly chat?: string;
  readonly thread?: string;
  readonly through?: string;
  readonly agent?: string;
  readonly sequence?: number;
  readonly expireAfterSeconds?: number;
}

interface Row {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly last_error: string;
  readonly message_id: string;
}

/** What the tests of messages through accounts share: a database for each test, and replicas that end with it. */
export function useAccountStage() {
  let state: TestState;
  const replicas: Replica[] = [];

  beforeEach(async () => {
    state = await createState();
  });

  afterEach(async () => {
    await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
    await state.drop();
  });

  const query: TestState['rows'] = (...statement) => state.rows(...statement);
  const store = async (delivery: Parameters<typeof storeDelivery>[1]) => await storeDelivery(state, delivery);

  const start = async (platform: FakePlatform, parts: Parts = {}, name = 'a'): Promise<Replica> => {
    const table = await tableOf(parts);
    const replica = startReplica({ url: state.url, name, table, platformSenders: { fake: platform.sender } });
    replicas.push(replica);
    return replica;
  };

  /** Ends a replica before the test does. */
  const stop = async (replica: Replica): Promise<void> => {
    replicas.splice(replicas.indexOf(replica), 1);
    await replica.stop();
  };

  const moveClock = async (seconds: number) => await state.moveClock(seconds);

  /** Leaves a message in the outbox, as a run does when it ends. */
  const leave = async ({ text = 'hello', chat = 'C1', thread = '', through = 'clerk/bot', ...rest }: Message = {}) =>
    await store({
      ...rest,
      text,
      target: 'deliver/chat',
      kind: 'account',
      line: `chat:${through}:${chat}`,
      destination: { account: through, platform: 'fake', chatId: chat, threadId: thread },
    });

  const rowOf = async (id: string): Promise<Row> => {
    const [row] = await query<Row>(
      'select id, status, attempts, last_error, message_id from deliveries where id = $1',
      [id],
    );
    if (row === undefined) throw new Error(`no delivery ${id}`);
    return row;
  };

  const becomes = async (id: string, status: string): Promise<Row> =>
    await waitFor(`the delivery to be ${status}`, async () => {
      const row = await rowOf(id);
      return row.status === status ? row : undefined;
    });

  const skipBackoff = async (): Promise<void> => {
    await query(`update deliveries set next_attempt_at = talaria_now() where status = 'pending'`);
  };

  return { query, store, moveClock, start, stop, leave, rowOf, becomes, skipBackoff };
}

export const texts = (platform: FakePlatform) => platform.seen.map(({ text }) => text);
export const broken = answers({ kind: 'not-sent', error: 'unauthorized', final: false, accountBroken: true });
export const lost = answers({ kind: 'ambiguous', error: 'reset' });
