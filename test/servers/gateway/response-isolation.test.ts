import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let gateway: TestGateway;
beforeEach(async () => {
  state = await createState();
  gateway = await startTestGateway({ databaseUrl: state.url, serves: served() });
});
afterEach(async () => {
  await gateway.stop();
  await state.drop();
});

const served = (fields: Partial<ConfigurationFields> = {}): ConfigurationFields => ({
  agents: [
    { name: 'main', default: true, apiKeys: ['of-main'] },
    { name: 'other', apiKeys: ['of-other'] },
  ],
  routes: { chats: [{ match: { chatId: 'c' }, to: 'other' }] },
  gatewayKeys: [
    { name: 'ada', key: 'ada' },
    { name: 'bob', key: 'bob' },
  ],
  ...fields,
});
const sdk = (key = 'ada') => new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
const inChat = { headers: { 'x-talaria-chat-id': 'c' } };
const notFound = { status: 404, code: 'response_not_found' };

describe('a response chain', () => {
  it.each(['bob', 'of-main', 'of-other'])('is unknown to another key: %s', async (key) => {
    const { id, conversation } = await sdk().responses.create({ input: 'mine' });
    const stranger = sdk(key);
    await expect(stranger.responses.retrieve(id)).rejects.toMatchObject(notFound);
    await expect(stranger.responses.inputItems.list(id)).rejects.toMatchObject(notFound);
    await expect(stranger.responses.delete(id)).rejects.toMatchObject(notFound);
    for (const store of [true, false]) {
      const asked = { input: 'x', previous_response_id: id, store };
      await expect(stranger.responses.create(asked)).rejects.toMatchObject(notFound);
    }
    await expect(stranger.responses.create({ input: 'x', conversation: conversation?.id ?? '' })).rejects.toMatchObject(
      { status: 404, code: 'session_not_found' },
    );
    expect((await sdk().responses.retrieve(id)).output_text).toBe('mine');
    expect(await state.rows('select count(*)::int as runs from runs')).toEqual([{ runs: 1 }]);
  });

  it('tells nobody whether a foreign response exists', async () => {
    const { id } = await sdk().responses.create({ input: 'mine' });
    const told = async (wanted: string) => {
      const headers = { authorization: 'Bearer bob' };
      const { error } = (await (await fetch(`${gateway.url}/v1/responses/${wanted}`, { headers })).json()) as {
        error: { message: string };
      };
      return error.message.replace(wanted, 'ID');
    };
    expect(await told(id)).toBe(await told(`resp_${'0'.repeat(32)}`));
  });

  it('keeps its agent whatever the headers, the model and the Routes say later', async () => {
    const first = await sdk().responses.create({ input: 'one' }, inChat);
    expect(first.model).toBe('talaria/other');
    const moved = await sdk().responses.create({ input: 'two', previous_response_id: first.id, model: 'talaria/main' });
    expect(moved.model).toBe('talaria/other');
    await gateway.serve(served({ routes: { chats: [{ match: { chatId: 'c' }, to: 'main' }] } }));
    const later = await sdk().responses.create({ input: 'three', previous_response_id: moved.id }, inChat);
    expect(later.model).toBe('talaria/other');
    const inConversation = await sdk().responses.create({ input: 'four', conversation: later.conversation?.id ?? '' });
    expect(inConversation.model).toBe('talaria/other');
    expect(await state.rows('select distinct agent from responses')).toEqual([{ agent: 'other' }]);
    expect(await state.rows('select distinct agent from items')).toEqual([{ agent: 'other' }]);
  });

  it('is gone for a key whose set its agent has left, and back when it returns', async () => {
    const first = await sdk().responses.create({ input: 'one' }, inChat);
    const keys = (agents: readonly string[]) => [{ name: 'ada', key: 'ada', agents }];
    await gateway.serve(served({ gatewayKeys: keys(['main']) }));
    await expect(sdk().responses.retrieve(first.id)).rejects.toMatchObject(notFound);
    await expect(sdk().responses.create({ input: 'x', previous_response_id: first.id })).rejects.toMatchObject(
      notFound,
    );
    await expect(sdk().responses.delete(first.id)).rejects.toMatchObject(notFound);
    await gateway.serve(served({ gatewayKeys: keys(['main', 'other']) }));
    expect((await sdk().responses.retrieve(first.id)).output_text).toBe('one');
  });

  it('of an Agent that is gone is refused, and never another agent answers', async () => {
    const first = await sdk().responses.create({ input: 'one' }, inChat);
    await gateway.serve(served({ agents: [{ name: 'main', default: true }], routes: {} }));
    for (const store of [true, false]) {
      const asked = { input: 'x', previous_response_id: first.id, store };
      await expect(sdk().responses.create(asked)).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    }
    expect((await sdk().responses.retrieve(first.id)).model).toBe('talaria/other');
  });

  it.each(['', 'resp_', 'resp_x', `resp_${'A'.repeat(32)}`, `ses_${'0'.repeat(32)}`, 'resp_%00', '../models'])(
    'does not go on from the id %j',
    async (id) => {
      const asked = sdk().responses.create({ input: 'x', previous_response_id: id });
      await expect(asked).rejects.toMatchObject(id === '' ? { status: 400 } : notFound);
    },
  );
});
