import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentEntry } from '../../../core/snapshot/schema.ts';
import type { AgentStatus, AgentStatusSink } from '../../../gateway/config/source.ts';
import type { FakePlatform } from '../../harness/fake-platform.ts';
import { startFakeTelegram } from '../../harness/fake-telegram.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, tableOf } from '../schedule/entries.ts';
import { type Replica, startReplica } from '../schedule/replica.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { storeDelivery } from './stored-deliveries.ts';

let state: TestState;
let telegram: FakePlatform;
let writes: { readonly agent: string; readonly status: AgentStatus }[];
const replicas: Replica[] = [];

beforeEach(async () => {
  writes = [];
  [state, telegram] = await Promise.all([createState(), startFakeTelegram({ tokens: ['1:right'] })]);
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await Promise.all([state.drop(), telegram.stop()]);
});

const credentials = { 'bot.v1': '1:wrong', 'bot.v2': '1:right' };

function clerk(token: string | undefined, change: Partial<AgentEntry> = {}): AgentEntry {
  const settings = { apiURL: telegram.url };
  const account = { platform: 'telegram', shared: false, onAmbiguous: 'Park', settings } as const;
  const accounts = token === undefined ? [] : [{ ...account, name: 'bot', credentials: { token } }];
  return agentEntry('clerk', { accounts, ...change });
}

const sink: AgentStatusSink = {
  writeAgentStatus: async ({ name }, status) => {
    writes.push({ agent: name, status });
  },
};

async function start(agents: readonly AgentEntry[], name = 'a'): Promise<Replica> {
  const table = await tableOf({ sequence: 1, agents, credentials });
  const replica = startReplica({ url: state.url, name, table, agentSink: sink });
  replicas.push(replica);
  return replica;
}

async function leaveMessage(): Promise<void> {
  await storeDelivery(state, {
    text: 'hello',
    target: 'deliver/chat',
    kind: 'account',
    line: 'chat:clerk/bot:42',
    destination: { account: 'clerk/bot', platform: 'telegram', chatId: '42', threadId: '' },
  });
}

/** Waits for a status in which the condition has this reason, or for one without it. */
async function says(reason: string | undefined): Promise<AgentStatus> {
  return await waitFor(`the reason ${reason}`, () => {
    const last = writes.at(-1)?.status;
    return last !== undefined && last.conditions[0]?.reason === reason ? last : undefined;
  });
}

/** Waits until whoever holds the lease has looked again, some times. */
async function looks(times: number): Promise<void> {
  const until = async () =>
    (
      await state.rows<{ until: string }>(`select lease_until::text as until from leases where name = 'agent-status'`)
    )[0]?.until;
  for (let look = 0; look < times; look += 1) {
    const before = await until();
    await waitFor('another look', async () => (await until()) !== before);
  }
}

describe('the status of an Agent', () => {
  it('says that its account is refused, and that it works once its Secret is right', async () => {
    const replica = await start([clerk('bot.v1')]);
    expect((await says('Connected')).accounts).toEqual([{ name: 'bot', ready: true }]);
    await leaveMessage();
    const broken = await says('AccountFailed');
    expect(broken.accounts).toEqual([{ name: 'bot', ready: false, message: expect.stringContaining('401') }]);
    expect(JSON.stringify(broken)).not.toContain('1:wrong');
    replica.swap(await tableOf({ sequence: 2, agents: [clerk('bot.v2')], credentials }));
    expect((await says('Connected')).accounts).toEqual([{ name: 'bot', ready: true }]);
    await waitFor('the message', () => telegram.shown.length === 1);
    expect(writes.map(({ status }) => status.conditions[0]?.status)).toEqual(['True', 'False', 'True']);
  });

  it('is written once by one of several replicas, and not again by any while nothing changes', async () => {
    await start([clerk('bot.v1'), agentEntry('plain')]);
    await start([clerk('bot.v1'), agentEntry('plain')], 'b');
    await leaveMessage();
    await says('AccountFailed');
    const version = () => state.rows('select agent, xmin::text from agent_statuses');
    await waitFor('the row', async () => (await version()).length === 1);
    const before = { writes: [...writes], rows: await version() };
    for (let minute = 0; minute < 3; minute += 1) {
      await state.moveClock(60);
      await looks(1);
    }
    const holder = replicas.shift();
    await holder?.stop();
    await looks(2);
    expect(writes).toEqual(before.writes);
    expect(await version()).toEqual(before.rows);
    expect(writes.every(({ agent }) => agent === 'clerk')).toBe(true);
  });

  it('says nothing more of accounts when the last one is gone, and nothing of an Agent that is', async () => {
    const replica = await start([clerk('bot.v2')]);
    await says('Connected');
    replica.swap(await tableOf({ sequence: 2, agents: [clerk(undefined, { generation: 2 })], credentials }));
    expect(await says(undefined)).toEqual({ accounts: [], conditions: [] });
    replica.swap(await tableOf({ sequence: 3, agents: [], credentials }));
    await waitFor('the row to be gone', async () => (await state.rows('select from agent_statuses')).length === 0);
    expect(writes).toHaveLength(2);
  });
});
