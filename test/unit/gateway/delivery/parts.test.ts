import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatParts, logParts, mostParts, webhookParts } from '../../../../gateway/delivery/parts.ts';

const whole = 'The run run_1';
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
    expect(parts.at(-1)).toContain('(The result goes on; it is cut here. The run run_1 has it whole.)');
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
    expect(line).toContain(whole);
  });

  it('is cut by the platform, and what is more than a chat is spared is left out with a note', () => {
    expect(chatParts(inFours, 'abcdefgh', whole)).toEqual(['abcd', 'efgh']);
    const many = chatParts(
      { render: (text) => (text.startsWith('(') ? [text] : inFours.render(text)) },
      'a'.repeat(400),
      whole,
    );
    expect(many).toHaveLength(mostParts);
    expect(many.at(-1)).toBe('(The result goes on; it is cut here. The run run_1 has it whole.)');
  });

  it('of 5 MB is converted only as far as a chat may see it', () => {
    let longest = 0;
    const sender = {
      render: (text: string) => {
        longest = Math.max(longest, text.length);
        return [text.slice(0, 10)];
      },
    };
    expect(chatParts(sender, 'x'.repeat(5_000_000), whole)).toHaveLength(2);
    expect(longest).toBeLessThanOrEqual(400_000);
  });
});
