import { describe, expect, it } from 'vitest';
import { TalariaError } from '../../../../../core/lib/errors.ts';
import { readResponseBody } from '../../../../../gateway/ingress/responses/response-body.ts';

const weather = { type: 'function', name: 'weather', parameters: { type: 'object' } };
const read = (fields: object = {}) => readResponseBody({ input: 'hi', ...fields });
const input = (...items: readonly unknown[]) => read({ input: items }).input;

function refusal(body: unknown): TalariaError {
  try {
    readResponseBody(body);
  } catch (error) {
    if (error instanceof TalariaError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(body)} is not refused`);
}

describe('the input of a response', () => {
  it('may be a text, which the user says', () => {
    expect(read().input).toEqual([{ role: 'user', content: 'hi' }]);
  });

  it.each([
    ['a message', { type: 'message', role: 'user', content: 'a' }, { role: 'user', content: 'a' }],
    ['a message without a type', { role: 'developer', content: 'a' }, { role: 'developer', content: 'a' }],
    [
      'text and images',
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'what is this?' },
          { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'low' },
          { type: 'input_image', image_url: 'data:image/png;base64,AA==' },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'low' } },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
        ],
      },
    ],
    [
      'an answer as this API gave it, with its refusal as text',
      {
        type: 'message',
        id: 'msg_1',
        status: 'completed',
        role: 'assistant',
        content: [
          { type: 'output_text', text: 'a', annotations: [], logprobs: [] },
          { type: 'refusal', refusal: 'no' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'no' },
        ],
      },
    ],
    [
      'a call',
      { type: 'function_call', id: 'fc_1', call_id: 'c', name: 'f', arguments: '{}' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
    ],
    [
      'a result',
      { type: 'function_call_output', call_id: 'c', output: '21' },
      { role: 'tool', tool_call_id: 'c', content: '21' },
    ],
    [
      'a result in parts',
      { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_text', text: '21' }] },
      { role: 'tool', tool_call_id: 'c', content: [{ type: 'text', text: '21' }] },
    ],
  ])('may hold %s', (_what, item, message) => {
    expect(input(item)).toEqual([message]);
  });

  it('passes over the reasoning of another model', () => {
    const reasoning = { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }] };
    expect(input(reasoning, { role: 'user', content: 'a' })).toEqual([{ role: 'user', content: 'a' }]);
    expect(refusal({ input: [reasoning] })).toMatchObject({ code: 'invalid_request', param: 'input' });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'input'],
    ['an empty list', [], 'input'],
    ['a number', 7, 'input'],
    ['an unknown role', [{ role: 'critic', content: 'a' }], 'input[0].role'],
    ['a message without content', [{ role: 'user', content: 'a' }, { role: 'user' }], 'input[1].content'],
    ['no item', ['a'], 'input[0]'],
    [
      'an address that is none',
      [{ role: 'user', content: [{ type: 'input_image', image_url: 'file:///x' }] }],
      'input[0].content[0].image_url',
    ],
    ['a call without a name', [{ type: 'function_call', call_id: 'c', arguments: '{}' }], 'input[0].name'],
    ['a result without its call', [{ type: 'function_call_output', output: 'x' }], 'input[0].call_id'],
  ])('may not be %s: invalid_request names the place', (_what, wrong, param) => {
    expect(refusal({ input: wrong })).toMatchObject({ code: 'invalid_request', param });
  });

  it.each<[string, unknown, string]>([
    ['item_reference', { type: 'item_reference', id: 'msg_1' }, 'input[0].type'],
    ['item_reference without a type', { id: 'msg_1' }, 'input[0].type'],
    ['compaction', { type: 'compaction', encrypted_content: 'x' }, 'input[0].type'],
    ['web_search_call', { type: 'web_search_call', id: 'ws_1' }, 'input[0].type'],
    ['input_file', { role: 'user', content: [{ type: 'input_file', file_url: 'x' }] }, 'input[0].content[0].type'],
    ['input_audio', { role: 'user', content: [{ type: 'input_audio' }] }, 'input[0].content[0].type'],
    [
      'an uploaded image',
      { role: 'user', content: [{ type: 'input_image', file_id: 'file-1' }] },
      'input[0].content[0].file_id',
    ],
    [
      'a file as a result',
      { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_file' }] },
      'input[0].output[0].type',
    ],
  ])('refuses %s by name', (_what, item, param) => {
    expect(refusal({ input: [item] })).toMatchObject({ code: 'unsupported_field', param });
  });
});

describe('the fields of a response', () => {
  it('that a turn has become its parameters', () => {
    const { parameters, tools, instructions } = read({
      instructions: 'Be brief.',
      temperature: 0.5,
      top_p: 0.9,
      presence_penalty: 1,
      frequency_penalty: -1,
      max_output_tokens: 64,
      reasoning: { effort: 'low' },
      text: { verbosity: 'low', format: { type: 'json_object' } },
      tools: [weather],
      tool_choice: { type: 'function', name: 'weather' },
      parallel_tool_calls: false,
    });
    expect(instructions).toBe('Be brief.');
    expect(tools).toEqual([{ name: 'weather', parameters: { type: 'object' } }]);
    expect(parameters).toEqual({
      temperature: 0.5,
      topP: 0.9,
      presencePenalty: 1,
      frequencyPenalty: -1,
      maxOutputTokens: 64,
      reasoningEffort: 'low',
      verbosity: 'low',
      responseFormat: { type: 'json_object' },
      toolChoice: { name: 'weather' },
      parallelToolCalls: false,
    });
  });

  it('name a schema for the answer in the words of chat completions', () => {
    const format = { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true };
    expect(read({ text: { format } }).parameters.responseFormat).toEqual({
      type: 'json_schema',
      json_schema: { name: 'n', schema: { type: 'object' }, strict: true },
    });
    expect(read({ text: { format: { type: 'text' } } }).parameters).toEqual({});
  });

  it('allowed_tools offers those alone, and repeats all', () => {
    const tools = [weather, { ...weather, name: 'mail' }];
    const choice = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'mail' }] };
    const body = read({ tools, tool_choice: choice });
    expect(body.tools.map(({ name }) => name)).toEqual(['mail']);
    expect(body.parameters.toolChoice).toBe('required');
    expect(body.echoed).toMatchObject({ tool_choice: choice, tools: [{ name: 'weather' }, { name: 'mail' }] });
  });

  it('say what to go on from', () => {
    expect(read()).toMatchObject({ previous: undefined, conversation: undefined, store: true, background: false });
    expect(read({ previous_response_id: 'resp_1' }).previous).toBe('resp_1');
    expect(read({ conversation: 'ses_1' }).conversation).toBe('ses_1');
    expect(read({ conversation: { id: 'ses_1' } }).conversation).toBe('ses_1');
  });

  it('are repeated with the defaults of the API, as text that can be stored', () => {
    expect(read({ metadata: { k: 'a\0b\ud800' }, instructions: 'x\0' }).echoed).toEqual({
      instructions: 'x\ufffd',
      tools: [],
      tool_choice: 'auto',
      truncation: 'disabled',
      parallel_tool_calls: true,
      text: { format: { type: 'text' } },
      top_p: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      temperature: 1,
      reasoning: { effort: null, summary: null },
      max_output_tokens: null,
      store: true,
      background: false,
      metadata: { k: 'a\ufffdb\ufffd' },
      safety_identifier: null,
      prompt_cache_key: null,
      user: null,
    });
  });

  it.each<object>([
    { include: [] },
    { include: null },
    { prompt: null },
    { max_tool_calls: null },
    { top_logprobs: 0 },
    { service_tier: 'auto' },
    { service_tier: 'default' },
    { prompt_cache_retention: 'in_memory' },
    { context_management: [] },
    { moderation: null },
    { deliver: [] },
    { reasoning: { effort: null, summary: null } },
    { stream_options: { include_obfuscation: false } },
    { truncation: 'auto' },
    { user: 'u', safety_identifier: 's', prompt_cache_key: 'k' },
    { background: true, stream: false },
  ])('%j asks for nothing that is not done', (fields) => {
    expect(read(fields).input).toHaveLength(1);
  });

  it.each<[object, string]>([
    [{ include: ['reasoning.encrypted_content'] }, 'include'],
    [{ prompt: { id: 'p' } }, 'prompt'],
    [{ max_tool_calls: 3 }, 'max_tool_calls'],
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ prompt_cache_retention: '24h' }, 'prompt_cache_retention'],
    [{ context_management: [{ type: 'compaction' }] }, 'context_management'],
    [{ moderation: { model: 'm' } }, 'moderation'],
    [{ deliver: [{ webhook: { url: 'http://x' } }] }, 'deliver[0].webhook'],
    [{ reasoning: { summary: 'auto' } }, 'reasoning.summary'],
    [{ background: true, stream: true }, 'stream'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [weather, { type: 'file_search', vector_store_ids: [] }] }, 'tools[1].type'],
    [{ tools: [weather], tool_choice: { type: 'mcp', server_label: 's' } }, 'tool_choice.type'],
    [{ text: { format: { type: 'grammar' } } }, 'text.format.type'],
    [{ messages: [] }, 'messages'],
    [{ instruction: 'x' }, 'instruction'],
  ])('%j is refused by name', (fields, param) => {
    expect(refusal({ input: 'hi', ...fields })).toMatchObject({ code: 'unsupported_field', param });
  });

  it.each<[object, string]>([
    [{ temperature: 3 }, 'temperature'],
    [{ max_output_tokens: 0 }, 'max_output_tokens'],
    [{ store: 'yes' }, 'store'],
    [{ truncation: 'middle' }, 'truncation'],
    [{ metadata: { k: 1 } }, 'metadata.k'],
    [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`k${at}`, 'v'])) }, 'metadata'],
    [{ tools: [{ type: 'function', name: 'a b' }] }, 'tools[0].name'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ tools: [weather], tool_choice: { type: 'function', name: 'other' } }, 'tool_choice.name'],
    [{ tool_choice: { type: 'allowed_tools', tools: [{ type: 'function', name: 'x' }] } }, 'tool_choice.tools[0].name'],
    [{ conversation: {} }, 'conversation'],
  ])('%j does not fit', (fields, param) => {
    expect(refusal({ input: 'hi', ...fields })).toMatchObject({ code: 'invalid_request', param });
  });
});
