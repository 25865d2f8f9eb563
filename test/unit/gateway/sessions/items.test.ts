import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../../gateway/agent/models/port.ts';
import {
  assistantMessage,
  finalText,
  functionCall,
  functionCallOutput,
  openCalls,
  spokenText,
  toItems,
  toMessages,
} from '../../../../gateway/sessions/items.ts';
import { storable, storableText } from '../../../../gateway/sessions/storable.ts';

const call = (id: string) =>
  ({ id, type: 'function', function: { name: 'weather', arguments: '{"at":"Rome"}' } }) as const;

describe('a message becomes items and comes back', () => {
  it.each<ChatMessage>([
    { role: 'user', content: 'hello' },
    { role: 'assistant', content: 'Hi.' },
    { role: 'system', content: '' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'look' },
        { type: 'image_url', image_url: { url: 'https://x/y.png', detail: 'low' } },
      ],
    },
    { role: 'assistant', content: null, tool_calls: [call('a'), call('b')] },
    { role: 'assistant', content: 'I look.', tool_calls: [call('a')] },
    { role: 'tool', tool_call_id: 'a', content: 'rain' },
  ])('%j', (message) => {
    expect(toMessages(JSON.parse(JSON.stringify(toItems(message))))).toEqual([message]);
  });

  it('in the shape of Open Responses', () => {
    expect(toItems({ role: 'user', content: 'hello' })).toEqual([
      {
        type: 'message',
        id: expect.stringMatching(/^msg_[0-9a-f]{32}$/),
        status: 'completed',
        role: 'user',
        content: [{ type: 'input_text', text: 'hello' }],
      },
    ]);
    expect(toItems({ role: 'assistant', content: 'Hi.' })).toMatchObject([
      { content: [{ type: 'output_text', text: 'Hi.', annotations: [] }] },
    ]);
    expect(toItems({ role: 'assistant', tool_calls: [call('a')] })).toMatchObject([
      { type: 'function_call', id: expect.stringMatching(/^fc_/), call_id: 'a', name: 'weather' },
    ]);
  });

  it('items of another kind are passed over', () => {
    expect(toMessages([{ type: 'reasoning' }, null, ...toItems({ role: 'user', content: 'a' })])).toHaveLength(1);
  });

  it('are one message of an assistant for any number of calls in a row, each once', () => {
    const count = 100_000;
    const items = Array.from({ length: count }, (_, at) =>
      functionCall({ id: `c${at}`, type: 'function', function: { name: 'f', arguments: '{}' } }),
    );
    const [message, ...others] = toMessages(items);
    expect(others).toEqual([]);
    expect(message?.role === 'assistant' && message.tool_calls?.length).toBe(count);
  });
});

describe('what was said in a turn', () => {
  const items = [
    assistantMessage('I look.'),
    functionCall(call('a')),
    functionCall(call('b')),
    functionCallOutput('a', 'rain'),
    assistantMessage('It rains.'),
  ];

  it('is all of its messages, or the last', () => {
    expect(spokenText(items)).toBe('I look.\n\nIt rains.');
    expect(finalText(items)).toBe('It rains.');
    expect(finalText([])).toBe('');
  });

  it('leaves the calls open that nothing answered', () => {
    expect(openCalls(items).map((item) => item.call_id)).toEqual(['b']);
  });
});

describe('text that PostgreSQL would refuse', () => {
  it.each([
    ['a\0b', 'a\ufffdb'],
    ['a\ud800b', 'a\ufffdb'],
    ['\udc00', '\ufffd'],
    ['😀 grüße\n\t', '😀 grüße\n\t'],
  ])('%j is stored as %j', (text, stored) => {
    expect(storableText(text)).toBe(stored);
    expect(storable({ [text]: [text, 1, null, true] })).toEqual({ [stored]: [stored, 1, null, true] });
    expect(toItems({ role: 'user', content: text })).toMatchObject([
      { content: [{ type: 'input_text', text: stored }] },
    ]);
    expect(functionCallOutput(text, text)).toMatchObject({ call_id: stored, output: stored });
    const odd = { id: text, type: 'function', function: { name: text, arguments: text } } as const;
    expect(functionCall(odd)).toMatchObject({ call_id: stored, name: stored, arguments: stored });
  });
});
