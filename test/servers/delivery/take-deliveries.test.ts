import { afterEach, beforeEach, expect, it } from 'vitest';
import { newId } from '../../../core/lib/id.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { type Room, takeDeliveries } from '../../../gateway/delivery/take-deliveries.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { storeDelivery } from './stored-deliveries.ts';

let state: TestState;
let database: Database;
const worker = newId();

beforeEach(async () => {
  state = await createState();
  database = createDatabase({ url: state.url, directUrl: state.url, log: createLogger('test', 'silent') });
  await state.rows(
    `insert into workers (id, replica, sequence, lease_until) values ($1, 'a', 1, talaria_now() + interval '1 hour')`,
    [worker],
  );
});

afterEach(async () => {
  await database.stop();
  await state.drop();
});

const room: Room = {
  sequence: 1,
  atWork: [],
  direct: 10,
  throughAccounts: 10,
  ofAccount: new Map(),
  ofOrigin: new Map(),
  ofNewOrigin: 2,
  busyLines: [],
};

/** Leaves one of each kind, and gives the kinds of those that are taken. */
async function takenOf(change: Partial<Room>): Promise<readonly string[]> {
  const chat = { account: 'clerk/bot', platform: 'fake', chatId: 'C1', threadId: '' };
  await storeDelivery(state);
  await storeDelivery(state, { kind: 'webhook', destination: { url: 'https://a.example/hook', secrets: [] } });
  await storeDelivery(state, { kind: 'account', destination: chat });
  const { deliveries } = await takeDeliveries(database, worker, { ...room, ...change });
  return deliveries.map(({ destination }) => destination.kind).toSorted();
}

it('a worker with room takes what is due of every kind', async () => {
  expect(await takenOf({})).toEqual(['account', 'log', 'webhook']);
});

it.each([
  ['webhooks', { direct: 0 }, ['account', 'log']],
  ['webhooks, with more under way than there may be', { direct: -1 }, ['account', 'log']],
  ['one receiver', { ofOrigin: new Map([['https://a.example', -1]]) }, ['account', 'log']],
  ['accounts, with more under way than there may be', { throughAccounts: -3 }, ['log', 'webhook']],
  ['one account', { ofAccount: new Map([['clerk/bot', -1]]) }, ['log', 'webhook']],
  ['the log', { ofOrigin: new Map([['log', 0]]) }, ['account', 'webhook']],
] as const)('a worker without room for %s takes the others', async (_, change, kinds) => {
  expect(await takenOf(change)).toEqual(kinds);
});

it('webhooks have shares by scheme, host and port, whatever their path and the case of their host', async () => {
  const urls = [
    'https://a.example/1',
    'https://A.example/2',
    'https://a.example?3',
    'https://b.example',
    'http://a.example',
  ];
  for (const url of urls) await storeDelivery(state, { kind: 'webhook', destination: { url, secrets: [] } });
  const { deliveries } = await takeDeliveries(database, worker, room);
  expect(deliveries.map(({ origin }) => origin).toSorted()).toEqual([
    'http://a.example',
    'https://a.example',
    'https://a.example',
    'https://b.example',
  ]);
});
