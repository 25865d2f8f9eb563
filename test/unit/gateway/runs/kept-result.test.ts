import { describe, expect, it } from 'vitest';
import { boundItems, boundText, sizeOfItems } from '../../../../gateway/runs/kept-result.ts';
import { assistantMessage, functionCall, functionCallOutput, toItems } from '../../../../gateway/sessions/items.ts';

const note = '\n\n(It goes on; it is cut here, and no more of it is kept.)';

describe('the text of a result', () => {
  it('is kept whole up to its bound, and beyond it is cut with a note, never inside a character', () => {
    expect(boundText('abc', 3)).toBe('abc');
    expect(boundText('abcd', 3)).toBe(`abc${note}`);
    expect(boundText('ab😀', 3)).toBe(`ab${note}`);
  });
});

describe('what was said and done in a run', () => {
  const call = functionCall({
    id: 'c',
    type: 'function',
    function: { name: 'fetch', arguments: `"${'a'.repeat(9_000)}"` },
  });
  const image = { type: 'image_url' as const, image_url: { url: `data:${'i'.repeat(9_000)}` } };
  const question = { role: 'user' as const, content: 'hello' };
  const items = [
    ...toItems(question),
    call,
    functionCallOutput('c', 'o'.repeat(9_000)),
    ...toItems({ role: 'tool', tool_call_id: 'c', content: [image, { type: 'text', text: 't'.repeat(9_000) }] }),
    assistantMessage('m'.repeat(9_000)),
  ];

  it('is kept as it is when it fits', () => {
    expect(boundItems(items, sizeOfItems(items))).toBe(items);
  });

  it('is cut item by item when it does not; small items, and arguments as JSON, stay readable', () => {
    const kept = boundItems(items, 5_000);
    expect(kept.map(({ id, type }) => [id, type])).toEqual(items.map(({ id, type }) => [id, type]));
    expect(kept[0]).toBe(items[0]);
    expect(kept[1]).toMatchObject({ arguments: '{}' });
    expect(kept[2]).toMatchObject({ output: `${'o'.repeat(1_000)}${note}` });
    expect(kept[3]).toMatchObject({
      output: [
        { type: 'input_text', text: '(An image; it is too large to be kept.)' },
        { type: 'input_text', text: `${'t'.repeat(500)}${note}` },
      ],
    });
    expect(kept[4]).toMatchObject({ content: [{ text: `${'m'.repeat(1_000)}${note}` }] });
  });
});
