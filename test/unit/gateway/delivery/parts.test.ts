import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatParts, logParts, mostParts, webhookParts } from '../../../../gateway/delivery/parts.ts';

const whole = { whereWhole: 'The run run_1', most: 8_000_000 };
const inFours = { render: (text: string) => text.match(/.{1,4}/gsu) ?? [] };

describe('a result', () => {
  it('of any size reaches a webhook whole and in order, up to five million characters', () => {
    const text = 'abcdefghij'.repeat(500_000);
    const parts = webhookParts(text, whole);
    expect(parts).toHaveLength(20);
    expect(parts.join('')).toBe(text);
  });

  it('larger than that is cut, and the last part says where it is whole', () => {
    const parts = webhookParts('abcdefghij'.repeat(600_000), whole);
    expect(parts).toHaveLength(mostParts);
    expect(parts.at(-1)).toContain('(The result goes on; it is cut here. The run run_1 has what is kept of it.)');
  });

  it('that shares what its run may send takes no more than its share, but one part at least, and says so', () => {
    const share = { ...whole, most: 600_000 };
    const cut = webhookParts('x'.repeat(1_000_000), share);
    expect(cut.map((part) => part.slice(0, 250_000))).toEqual(['x'.repeat(250_000), 'x'.repeat(250_000)]);
    expect(cut.at(-1)).toContain('it is cut here');
    expect(webhookParts('x'.repeat(500_000), share).join('')).toBe('x'.repeat(500_000));
    expect(webhookParts('x'.repeat(500), { ...whole, most: 100 })).toHaveLength(1);
    const chat = chatParts(inFours, 'a'.repeat(40), { ...whole, most: 10 });
    expect(chat.slice(0, 2)).toEqual(['aaaa', 'aaaa']);
    expect(chat.slice(2).join('')).toBe('(The result goes on; it is cut here. The run run_1 has what is kept of it.)');
  });

  it('that is empty is told to a webhook and the log, and is no message of a chat', () => {
    expect(webhookParts('', whole)).toEqual(['']);
    expect(logParts('', whole)).toEqual(['']);
    expect(chatParts(inFours, '', whole)).toEqual([]);
    expect(chatParts({ render: () => [' \n'] }, ' \n', whole)).toEqual([]);
  });

  it('is never cut inside a character', () => {
    fc.assert(
      fc.property(fc.integer({ min: 249_990, max: 250_010 }), (length) => {
        const parts = webhookParts(`${'a'.repeat(length)}${'😀'.repeat(20)}`, whole);
        return parts.every((part) => part.isWellFormed());
      }),
      { numRuns: 30 },
    );
  });

  it('is one bounded line of the log', () => {
    expect(logParts('short', whole)).toEqual(['short']);
    const [line = '', ...others] = logParts('x'.repeat(1_000_000), whole);
    expect(others).toEqual([]);
    expect(line.length).toBeLessThan(20_000);
    expect(line).toContain(whole.whereWhole);
  });

  it('is cut by the platform, and what is more than a chat is spared is left out with a note', () => {
    expect(chatParts(inFours, 'abcdefgh', whole)).toEqual(['abcd', 'efgh']);
    const many = chatParts(
      { render: (text) => (text.startsWith('(') ? [text] : inFours.render(text)) },
      'a'.repeat(400),
      whole,
    );
    expect(many).toHaveLength(mostParts);
    expect(many.at(-1)).toBe('(The result goes on; it is cut here. The run run_1 has what is kept of it.)');
  });

  it('of 5 MB is converted only as far as a chat may see it', () => {
    let converted = 0;
    const sender = {
      render: (text: string) => {
        converted += text.length;
        return text.match(/.{1,4096}/gsu) ?? [];
      },
    };
    expect(chatParts(sender, 'x'.repeat(5_000_000), whole)).toHaveLength(mostParts);
    expect(converted).toBeLessThan(2 * mostParts * 4_096);
    converted = 0;
    const shrinking = {
      render: (text: string) => {
        converted += text.length;
        return [text.slice(0, 10)];
      },
    };
    expect(chatParts(shrinking, 'x'.repeat(5_000_000), whole)).toHaveLength(2);
    expect(converted).toBeLessThan(1_000_000);
  });

  it('that shrinks when it is converted reaches the chat as far as its parts go', () => {
    const text = `${'[](https://example.com) '.repeat(5_000)}end`;
    const sender = { render: (markdown: string) => [markdown.replaceAll(/\[\]\([^)]*\) ?/g, '') || ' '] };
    expect(chatParts(sender, text, whole)).toEqual(['end']);
  });
});
