import { describe, expect, it } from 'vitest';
import { newId } from '../../../../../core/lib/id.ts';
import type { TurnEvent } from '../../../../../gateway/agent/steps.ts';
import { readResponseBody } from '../../../../../gateway/ingress/responses/response-body.ts';
import { createResponseEvents } from '../../../../../gateway/ingress/responses/response-events.ts';
import {
  assistantMessage,
  functionCall,
  functionCallOutput,
  type Item,
} from '../../../../../gateway/sessions/items.ts';

const frame = {
  id: newId(),
  createdAt: 1_700_000_000_000,
  agent: 'main',
  previous: undefined,
  session: newId(),
  echoed: readResponseBody({ input: 'hi' }).echoed,
};
const ended = (output: readonly Item[], finishReason = 'stop') => ({
  output,
  finishReason,
  usage: { inputTokens: 3, outputTokens: 2, cachedTokens: 1, reasoningTokens: 1 },
  model: 'm',
});

interface Sent {
  readonly type: string;
  readonly sequence_number: number;
  readonly output_index?: number;
  readonly item_id?: string;
  readonly delta?: string;
  readonly item?: Item;
  readonly response?: { readonly status: string; readonly output: readonly Item[]; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** The events of a stream; checks what holds of each: its name, its number, and that [DONE] ends it. */
function parse(stream: string): readonly Sent[] {
  const blocks = stream.split('\n\n').filter((block) => block !== '');
  expect(blocks.pop()).toBe('data: [DONE]');
  return blocks.map((block, at) => {
    const [name, data] = block.split('\ndata: ');
    const event = JSON.parse(data ?? '') as Sent;
    expect(name).toBe(`event: ${event.type}`);
    expect(event.sequence_number).toBe(at);
    return event;
  });
}

function streamed(events: readonly TurnEvent[], result = ended([])): readonly Sent[] {
  const writer = createResponseEvents(frame);
  return parse(writer.first() + events.map(writer.event).join('') + writer.last(result, 1_700_000_001_000));
}

const types = (events: readonly Sent[]) => events.map(({ type }) => type);
const asItem = (item: Item) => ({ type: 'item', item }) as const;
const message = assistantMessage('one two');
const call = functionCall({ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } });

describe('the events of a streamed response', () => {
  it('open, fill and close a message that comes in pieces', () => {
    const events = streamed(
      [{ type: 'text', id: message.id, text: 'one ' }, { type: 'text', id: message.id, text: 'two' }, asItem(message)],
      ended([message]),
    );
    expect(types(events)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events[2]?.item).toMatchObject({ id: message.id, status: 'in_progress', role: 'assistant', content: [] });
    expect(events.slice(3, 8).map(({ item_id, output_index }) => [item_id, output_index])).toEqual(
      Array.from({ length: 5 }, () => [message.id, 0]),
    );
    expect(events[6]).toMatchObject({ text: 'one two', content_index: 0 });
    expect(events[8]?.item).toMatchObject({ id: message.id, status: 'completed' });
    expect(events[9]?.response).toMatchObject({
      status: 'completed',
      completed_at: 1_700_000_001,
      output: [{ id: message.id, content: [{ type: 'output_text', text: 'one two' }] }],
      usage: {
        input_tokens: 3,
        input_tokens_details: { cached_tokens: 1 },
        output_tokens: 2,
        output_tokens_details: { reasoning_tokens: 1 },
        total_tokens: 5,
      },
    });
  });

  it('give a call of the client with its arguments in pieces', () => {
    const piece = (text: string) =>
      ({ type: 'call', id: call.id, index: 0, callId: 'c', name: 'f', arguments: text }) as const;
    const events = streamed([piece(''), piece('{"a"'), piece(':1}'), asItem(call)], ended([call], 'tool_calls'));
    expect(types(events).slice(2)).toEqual([
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events[2]?.item).toEqual({ ...call, arguments: '', status: 'in_progress' });
    expect(events[5]).toMatchObject({ item_id: call.id, arguments: '{"a":1}', name: 'f' });
    expect(events[6]?.item).toEqual(call);
  });

  it('give whole what came whole, the calls and results of the gateway among them, in order', () => {
    const result = functionCallOutput('c', 'the skill');
    const events = streamed([asItem(call), asItem(result), asItem(message)], ended([call, result, message]));
    expect(types(events).slice(2)).toEqual([
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const done = events.filter(({ type }) => type === 'response.output_item.done');
    expect(done.map(({ output_index, item }) => [output_index, item?.id])).toEqual([
      [0, call.id],
      [1, result.id],
      [2, message.id],
    ]);
    expect(events.at(-1)?.response?.output.map(({ id }) => id)).toEqual([call.id, result.id, message.id]);
  });

  it('keep their places when a call was streamed before the text in front of it', () => {
    const events = streamed(
      [
        { type: 'call', id: call.id, index: 0, callId: 'c', name: 'f', arguments: '{"a":1}' },
        { type: 'text', id: message.id, text: 'one two' },
        asItem(message),
        asItem(call),
      ],
      ended([message, call]),
    );
    const done = events.filter(({ type }) => type === 'response.output_item.done');
    expect(done.map(({ output_index, item }) => [output_index, item?.id])).toEqual([
      [1, message.id],
      [0, call.id],
    ]);
    expect(events.at(-1)?.response?.output.map(({ id }) => id)).toEqual([call.id, message.id]);
  });

  it.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ])('end in response.incomplete when the model stopped for %s', (finishReason, reason) => {
    const cut = assistantMessage('one', 'incomplete');
    const last = streamed([asItem(cut)], ended([cut], finishReason)).at(-1);
    expect(last?.type).toBe('response.incomplete');
    expect(last?.response).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason },
      completed_at: null,
      output: [{ status: 'incomplete' }],
    });
  });

  it('end in error and response.failed, with what had come', () => {
    const writer = createResponseEvents(frame);
    const begun = writer.first() + writer.event({ type: 'text', id: message.id, text: 'one ' });
    const error = { message: 'it broke', type: 'server_error', param: null, code: 'model_failed' } as const;
    const [failure, last] = parse(begun + writer.failed(error)).slice(-2);
    expect(failure).toMatchObject({ type: 'error', code: 'model_failed', message: 'it broke', error });
    expect(last?.type).toBe('response.failed');
    expect(last?.response).toMatchObject({
      status: 'failed',
      error: { code: 'model_failed', message: 'it broke' },
      output: [{ id: message.id, status: 'incomplete', content: [{ text: 'one ' }] }],
      usage: null,
    });
  });
});
