import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../../core/lib/log.ts';
import { migrate } from '../../../gateway/db/migrate.ts';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { ask, startTestGateway, type TestGateway, type TestGatewayOptions } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
const gateways: TestGateway[] = [];
beforeEach(async () => {
  state = await createState();
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await state.drop();
});

const start = async (options: TestGatewayOptions) => {
  const gateway = await startTestGateway({ databaseUrl: state.url, ...options });
  gateways.push(gateway);
  return gateway;
};
const served = (...names: readonly string[]): ConfigurationFields => ({
  agents: [{ name: 'main', default: true }, ...names.map((name) => ({ name }))],
  gatewayKeys: [{ name: 'all', key: 'k' }],
});
const names = () =>
  state.rows<{ name: string; gone: boolean }>('select name, gone_at is not null as gone from agents order by name');

describe('one database belongs to one namespace', () => {
  it('another namespace’s gateway refuses to start and says the cure', async () => {
    await expect(start({ serves: served(), namespaceUid: 'another' })).rejects.toThrow(
      /belongs to another namespace.*DATABASE_URL/s,
    );
  });

  it('a namespace that cannot be asked yet is asked again', async () => {
    let asked = 0;
    const namespaceUid = async () => {
      asked += 1;
      if (asked < 3) throw new Error('the API server does not answer');
      return 'test';
    };
    const gateway = await start({ serves: served(), namespaceUid });
    await waitFor('stored turns to be served', async () => {
      return (await ask(gateway.url, { key: 'k', headers: { 'x-talaria-session-id': 'x' } })).status === 200;
    });
    expect(asked).toBe(3);
  });
});

it('why the database cannot be used is in the log, once for each reason', async () => {
  const log = createLogger('gateway', 'silent');
  const warn = vi.spyOn(log, 'warn');
  const reasons = ['the API server does not answer', 'the API server does not answer', 'forbidden'];
  const namespaceUid = async () => {
    const reason = reasons.shift();
    if (reason !== undefined) throw new Error(reason);
    return 'test';
  };
  await start({ serves: served(), namespaceUid, log });
  await waitFor('every reason to be over', () => reasons.length === 0);
  const said = () => warn.mock.calls.map(([fields]) => (fields as { err?: Error }).err?.message);
  await waitFor('the last of them to be told', () => said().includes('forbidden'));
  expect(said().filter((message) => message !== undefined)).toEqual(['the API server does not answer', 'forbidden']);
});

describe('migrations', () => {
  it('are applied once, also when many gateways start together', async () => {
    await state.rows('drop schema public cascade');
    await state.rows('create schema public');
    const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(state.url)));
    expect(applied.flat()).toEqual(applied.find((files) => files.length > 0));
    expect(applied.flat()[0]).toBe('0001_state.sql');
    expect(await migrate(state.url)).toEqual([]);
  });
});

describe('names of Agents', () => {
  it('are remembered when the Agent is gone, and free again when it is back', async () => {
    const gateway = await start({ serves: served('coder') });
    await waitFor('both names', async () => (await names()).length === 2);
    await gateway.serve(served());
    expect(await ask(gateway.url, { key: 'k', model: 'coder' })).toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    expect(await ask(gateway.url, { key: 'k', model: 'gpt-4o' })).toMatchObject({ status: 200, agent: 'main' });
    await waitFor('the name to be gone', async () =>
      (await names()).some(({ name, gone }) => name === 'coder' && gone),
    );
    await gateway.serve(served('coder'));
    await waitFor('the name to be back', async () => (await names()).every(({ gone }) => !gone));
    expect(await ask(gateway.url, { key: 'k', model: 'coder' })).toMatchObject({ status: 200, agent: 'coder' });
  });

  it('that were retired before a gateway started are known to it', async () => {
    await state.rows(`insert into agents values ('coder', 'uid-coder', 1, talaria_now())`);
    const gateway = await start({ serves: served() });
    expect(await ask(gateway.url, { key: 'k', model: 'coder' })).toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  it('that were served for a moment only are remembered too', async () => {
    const gateway = await start({ serves: served() });
    await waitFor('the first name', async () => (await names()).length === 1);
    await gateway.serve(served('brief'));
    await gateway.serve(served());
    await waitFor('the name to be stored as gone', async () =>
      (await names()).some(({ name, gone }) => name === 'brief' && gone),
    );
  });

  it('of a newer snapshot are not touched by a replica that is behind', async () => {
    await state.rows(`insert into agents values ('newer', 'uid-newer', 9000000000, null)`);
    await state.rows(`insert into agents values ('main', 'uid-main', 9000000000, talaria_now())`);
    await start({ serves: served('coder') });
    await waitFor('its own names', async () => (await names()).some(({ name }) => name === 'coder'));
    expect(await names()).toEqual([
      { name: 'coder', gone: false },
      { name: 'main', gone: true },
      { name: 'newer', gone: false },
    ]);
  });

  it('are not written again while nothing changes', async () => {
    const gateway = await start({ serves: served('coder') });
    await waitFor('both names', async () => (await names()).length === 2);
    const versions = () => state.rows('select name, xmin::text from agents order by name');
    const before = await versions();
    const { snapshot } = await gateway.serve({
      ...served('coder'),
      routes: { r: [{ match: { chatId: 'c' }, to: 'coder' }] },
    });
    await waitFor('the new sequence', async () => (await newest()) === snapshot.sequence);
    expect(await versions()).toEqual(before);
  });
});

describe('the sequence', () => {
  it('is raised by each swap and never lowered', async () => {
    await state.rows('update installation set max_sequence = 5');
    const gateway = await start({ serves: { ...served(), sequence: 4 } });
    await gateway.serve({ ...served(), sequence: 700 });
    await waitFor('the new sequence', async () => (await newest()) === 700);
    await gateway.serve({ ...served(), sequence: 701 });
    await waitFor('the new sequence', async () => (await newest()) === 701);
  });
});

async function newest(): Promise<number> {
  const [row] = await state.rows<{ max_sequence: string }>('select max_sequence from installation');
  return Number(row?.max_sequence);
}
