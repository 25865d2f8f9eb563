import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway({
    serves: { agents: [{ name: 'main', default: true }], gatewayKeys: [{ name: 'all', key: 'key' }] },
  });
});
afterEach(() => gateway.stop());

const sdk = () => new OpenAI({ apiKey: 'key', baseURL: `${gateway.url}/v1`, maxRetries: 0 });

describe('while there is no database', () => {
  it('a response with store: false is answered, whole and streamed', async () => {
    const asked = { input: 'one two', store: false };
    const whole = await sdk().responses.create(asked);
    expect(whole).toMatchObject({ status: 'completed', output_text: 'one two', conversation: null, store: false });
    const streamed = await sdk().responses.stream(asked).finalResponse();
    expect(streamed).toMatchObject({ status: 'completed', output_text: 'one two' });
    expect(streamed.id).not.toBe(whole.id);
  });

  it('one that is to be stored, or that goes on from a stored one, is refused as state_unavailable', async () => {
    const refused = { status: 503, code: 'state_unavailable' };
    await expect(sdk().responses.create({ input: 'x' })).rejects.toMatchObject(refused);
    const id = `resp_${'0'.repeat(32)}`;
    const asked = { input: 'x', previous_response_id: id, store: false };
    await expect(sdk().responses.create(asked)).rejects.toMatchObject(refused);
    await expect(sdk().responses.retrieve(id)).rejects.toMatchObject(refused);
  });
});

describe('what is said without a response being stored', () => {
  it('may hold calls and their results, and every result has its call', async () => {
    const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' } as const;
    const result = { type: 'function_call_output', call_id: 'c', output: '21' } as const;
    const said = { role: 'user', content: 'x' } as const;
    expect((await sdk().responses.create({ input: [said, call, result], store: false })).status).toBe('completed');
    await expect(sdk().responses.create({ input: [said, result], store: false })).rejects.toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });
});

describe('reading a stored response', () => {
  it.each([
    ['?stream=true', 'stream'],
    ['?include[]=message.output_text.logprobs', 'include[]'],
    ['?starting_after=3', 'starting_after'],
    ['/input_items?include=x', 'include'],
    ['/input_items?before=msg_1', 'before'],
  ])('%s is refused by name', async (rest, param) => {
    expect(await refusal(rest)).toMatchObject({ code: 'unsupported_field', param });
  });

  it.each(['0', '101', 'many', '1.5'])('a page has 1 to 100 items: %s does not fit', async (limit) => {
    expect(await refusal(`/input_items?limit=${limit}`)).toMatchObject({ code: 'invalid_request', param: 'limit' });
  });

  it.each(['x', 'resp_x', `resp_${'Z'.repeat(32)}`, '%00', `run_${'0'.repeat(32)}`])(
    'the id %s is no response',
    async (id) => {
      for (const method of ['GET', 'DELETE']) {
        const response = await fetch(`${gateway.url}/v1/responses/${id}`, { method, headers: bearer });
        expect(response.status).toBe(404);
        expect(await response.json()).toMatchObject({ error: { code: 'response_not_found' } });
      }
    },
  );
});

const bearer = { authorization: 'Bearer key' };

async function refusal(rest: string): Promise<unknown> {
  const response = await fetch(`${gateway.url}/v1/responses/resp_${'0'.repeat(32)}${rest}`, { headers: bearer });
  return ((await response.json()) as { error: unknown }).error;
}
