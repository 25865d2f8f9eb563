import { TalariaError } from '../../core/lib/errors.ts';
import { type Item, isItem } from '../sessions/items.ts';

/** A history that is to be answered again from its last user message on. */
export interface RetriedHistory {
  /** Up to and including the last user message. */
  readonly history: readonly Item[];
  /** Ids of what followed it. */
  readonly answer: readonly string[];
}

/** Takes the last answer off a history. Throws `invalid_request` when nobody has asked anything in it. */
export function withoutAnswer(stored: readonly unknown[]): RetriedHistory {
  const items = stored.filter(isItem);
  const asked = items.findLastIndex((item) => item.type === 'message' && item.role === 'user');
  if (asked < 0) throw new TalariaError('invalid_request', 'There is no message in this session to answer again.');
  return { history: items.slice(0, asked + 1), answer: items.slice(asked + 1).map(({ id }) => id) };
}
