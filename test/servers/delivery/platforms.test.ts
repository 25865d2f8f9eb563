import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AgentEntry, DeliverTarget } from '../../../core/snapshot/schema.ts';
import type { FakePlatform } from '../../harness/fake-platform.ts';
import { startFakeTelegram } from '../../harness/fake-telegram.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, jobEntry, tableOf } from '../schedule/entries.ts';
import { type Replica, startReplica } from '../schedule/replica.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { answerTurns } from '../schedule/turns.ts';

let state: TestState;
let telegram: FakePlatform;
let replica: Replica | undefined;

beforeEach(async () => {
  [state, telegram] = await Promise.all([createState(), startFakeTelegram({ tokens: ['1:right'] })]);
});

afterEach(async () => {
  await replica?.stop();
  await Promise.all([state.drop(), telegram.stop()]);
});

function clerk(token: string): AgentEntry {
  const account = {
    name: 'bot',
    platform: 'telegram',
    shared: false,
    onAmbiguous: 'Park',
    credentials: { token },
    settings: { apiURL: telegram.url },
  } as const;
  return agentEntry('clerk', { accounts: [account] });
}

const chat: DeliverTarget = { name: 'chat', account: 'clerk/bot', chatId: '42', expireAfterSeconds: 3_600 };
const credentials = { 'bot.v1': '1:right', 'bot.v2': '1:wrong' };

async function run(token: string, text: string): Promise<Replica> {
  const job = jobEntry('report', { schedule: '@every 1000h', deliver: [chat] });
  const agents = [clerk(token)];
  const first = await tableOf({ sequence: 1, jobs: [job], agents, credentials });
  replica = startReplica({ url: state.url, name: 'a', table: first, runTurn: answerTurns(text) });
  await waitFor('the job to be seen', async () => (await state.rows('select from cron_jobs')).length > 0);
  replica.swap(await tableOf({ sequence: 2, jobs: [{ ...job, runAt: 'now' }], agents, credentials }));
  return replica;
}

it('a scheduled result reaches Telegram in parts, in order, and is in the session of the chat', async () => {
  const text = ['**First** part', 'x'.repeat(4_090), 'last'].join('\n\n');
  await run('bot.v1', text);
  const rows = await waitFor('all to be sent', async () => {
    const found = await state.rows<{ status: string; part: number; parts: number; message_id: string }>(
      'select status, part, parts, message_id from deliveries order by seq',
    );
    return found.length > 0 && found.every(({ status }) => status === 'sent') ? found : undefined;
  });
  expect(rows.map(({ part }) => part)).toEqual(rows.map((_, at) => at + 1));
  expect(rows.length).toBeGreaterThan(1);
  expect(telegram.shown.map(({ chat: id, token }) => [id, token])).toEqual(rows.map(() => ['42', '1:right']));
  expect(telegram.shown[0]?.text).toContain('<b>First</b> part');
  const said = await state.rows<{ text: string; chat_type: string }>(
    `select i.data #>> '{content,0,text}' as text, s.chat_type from items i join sessions s on s.id = i.session_id
     where s.platform = 'telegram' order by i.seq`,
  );
  expect(said).toHaveLength(rows.length);
  expect(said[0]).toMatchObject({ chat_type: 'direct' });
  expect(said[0]?.text).toContain('First part');
});

it('a token that Telegram took back is the account’s fault, and its message is sent once the token is right', async () => {
  const running = await run('bot.v2', 'hello');
  await waitFor('the account to be known as broken', async () => {
    const rows = await state.rows('select from account_leases where broken_since is not null');
    return rows.length === 1;
  });
  expect(telegram.shown).toEqual([]);
  running.swap(
    await tableOf({
      sequence: 3,
      jobs: [jobEntry('report', { schedule: '@every 1000h', deliver: [chat] })],
      agents: [clerk('bot.v1')],
      credentials,
    }),
  );
  await waitFor('the message', () => telegram.shown.length === 1);
  expect(telegram.shown[0]).toMatchObject({ text: 'hello', token: '1:right' });
});
