import { TalariaError } from '../../core/lib/errors.ts';
import { type ChatMessage, textOf } from '../agent/models/port.ts';

/**
 * The new turn at the end of a body: what comes after the last answer, from its first user message or tool result on.
 * Everything before is the server's to say in a stored session. Throws `invalid_request` when there is no such message.
 */
export function lastTurn(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const afterAnswer = messages.slice(messages.findLastIndex((message) => message.role === 'assistant') + 1);
  const first = afterAnswer.findIndex((message) => message.role === 'user' || message.role === 'tool');
  if (first >= 0) return afterAnswer.slice(first);
  throw new TalariaError(
    'invalid_request',
    'The messages end without a user message or tool result, so there is no new turn for the session. Add one at the end.',
    { param: 'messages' },
  );
}

/** The newest text of the user among these messages; '' where there is none. */
export function lastText(messages: readonly ChatMessage[]): string {
  const last = messages.findLast(({ role }) => role === 'user');
  return last ? textOf(last) : '';
}
