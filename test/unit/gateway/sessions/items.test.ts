import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../../gateway/agent/models/port.ts';
import { toItem, toMessages } from '../../../../gateway/sessions/items.ts';
import { storable, storableText } from '../../../../gateway/sessions/storable.ts';

describe('a message becomes an item and comes back', () => {
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
  ])('%j', (message) => {
    const item = toItem(message);
    expect(toMessages([JSON.parse(JSON.stringify(item))])).toEqual([message]);
  });

  it('in the shape of Open Responses', () => {
    expect(toItem({ role: 'user', content: 'hello' })).toEqual({
      type: 'message',
      role: 'user',
      content: [{ type: 'input_text', text: 'hello' }],
    });
    expect(toItem({ role: 'assistant', content: 'Hi.' }).content).toEqual([{ type: 'output_text', text: 'Hi.' }]);
  });

  it('items of another kind are passed over', () => {
    expect(
      toMessages([{ type: 'function_call', name: 'f' }, null, toItem({ role: 'user', content: 'a' })]),
    ).toHaveLength(1);
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
    expect(toItem({ role: 'user', content: text }).content).toEqual([{ type: 'input_text', text: stored }]);
  });
});
