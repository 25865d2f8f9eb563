import type { Envelope } from './envelope.ts';

/** The variables of a route expression that are strings: the envelope's fields, '' when absent. */
export const stringVariables = [
  'platform',
  'account',
  'chatId',
  'chatType',
  'threadId',
  'userId',
  'userIdAlt',
  'guildId',
  'parentChatId',
  'apiKey',
  'model',
  'text',
  'messageId',
] as const;

/** All variables of a route expression. `headers` has lower-case names; `claims` is empty without a token. */
export const variables: readonly string[] = [...stringVariables, 'headers', 'claims'];

/** A value as the CEL library takes it: integers as BigInt (a JavaScript number is a CEL double), objects as maps. */
export type ExpressionValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | ExpressionValue[]
  | Map<string, ExpressionValue>;

export type ExpressionInput = Readonly<Record<string, ExpressionValue>>;

/** `text` is cut to this many UTF-8 bytes for expressions, so that they cost the same on a long message. */
export const maxTextBytes = 4096;

/** The values of the variables for one envelope; made once, however many expressions look at it. */
export function inputOf(envelope: Envelope): ExpressionInput {
  let input = inputs.get(envelope);
  if (input === undefined) {
    input = createInput(envelope);
    inputs.set(envelope, input);
  }
  return input;
}

const inputs = new WeakMap<Envelope, ExpressionInput>();

function createInput(envelope: Envelope): ExpressionInput {
  const input: Record<string, ExpressionValue> = {};
  for (const name of stringVariables) input[name] = envelope[name];
  input.text = cutToBytes(envelope.text, maxTextBytes);
  input.headers = new Map(Object.entries(envelope.headers));
  input.claims = fromJson(envelope.claims);
  return Object.setPrototypeOf(input, null);
}

/** Cuts between characters: what is left of a split one at the end is dropped. */
function cutToBytes(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text;
  const encoded = Buffer.from(text.slice(0, bytes), 'utf8');
  if (encoded.length <= bytes && text.length <= bytes) return text;
  return new TextDecoder().decode(encoded.subarray(0, bytes), { stream: true });
}

function fromJson(value: unknown): ExpressionValue {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value !== 'object' || value === null) return null;
  return new Map(Object.entries(value).map(([name, member]) => [name, fromJson(member)]));
}
