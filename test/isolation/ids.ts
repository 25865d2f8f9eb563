import type { Random } from './random.ts';

/**
 * Ids that a careless key would confuse: parts that look like separators, like other fields, like keys of sessions, like
 * another agent. Every field of a request draws from this one list, so that equal ids stand in different fields.
 */
export const hostileIds: readonly string[] = [
  'c1',
  'c2',
  'u1',
  't1',
  '1',
  '0',
  '-',
  '/',
  ':',
  '::',
  'c1:u1',
  'c1:',
  ':u1',
  'c1/u1',
  'c1::t1',
  'agent:a1:api:direct:c1',
  'agent:a10:api:direct:c1',
  'gateway-key:all',
  'agent-key:a1/key0',
  'local',
  'a1',
  'a10',
  'talaria/a1',
  'ses_',
  'ses',
  'run_0123456789abcdef0123456789abcdef',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'toString',
  '"',
  "'",
  "' or '1'='1",
  '$1',
  '\\',
  '{"a":1}',
  '[]',
  '*',
  '%',
  '%2F',
  'a b',
  'ä',
  'a\u0308',
  '雪',
  '🦊',
  '‮c1',
  '\u200bc1',
  'C1',
  'x'.repeat(256),
  '🦊'.repeat(256),
];

/** Values that no header may have, as they come on the wire; each is refused with `invalid_header`. */
export const brokenValues: readonly string[] = [
  'x'.repeat(257),
  '%F0%9F%A6%8A'.repeat(257),
  'c1%0A',
  'c1%00u1',
  '%0D%0Ax-talaria-user-id%3A%20u1',
  '%',
  '%zz',
  '%C3%28',
  '%ED%A0%80',
  '%20c1',
  'c1%20',
  'ä',
  'c1\tu1',
];

/** A value as it stands in a header; the same value may be written in several ways. */
export function writeHeader(random: Random, value: string): string {
  const plain = /^[\x21-\x24\x26-\x7e]*$/.test(value);
  if (plain && random.chance(0.7)) return value;
  if (random.chance(0.5)) return encodeURIComponent(value);
  return [...Buffer.from(value)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
