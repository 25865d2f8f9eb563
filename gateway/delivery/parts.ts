import type { PlatformSender } from './targets/platform.ts';

/** The parts of one text, in order. None: there is nothing to send. */
export type Parts = readonly string[];

/** The most that one result makes of one target; what is more is cut, and the last part says so. */
export const mostParts = 20;
/** In UTF-16 units: the body of a webhook stays below what receivers take. */
const webhookPart = 250_000;
const logText = 16_000;
/** Far more than `mostParts` parts of any platform. */
const chatText = 400_000;

/** The text in the order of a webhook's bodies. An empty result has one, for a receiver that waits for the end of the run. */
export function webhookParts(text: string, whereWhole: string): Parts {
  const parts = pieces(text, webhookPart, mostParts);
  const left = text.length - parts.reduce((sum, part) => sum + part.length, 0);
  return left === 0 ? parts : [...parts.slice(0, -1), `${parts.at(-1)}\n\n${cutNote(whereWhole)}`];
}

/** One line of the log. */
export function logParts(text: string, whereWhole: string): Parts {
  const [first = ''] = pieces(text, logText, 1);
  return [first.length === text.length ? text : `${first}\n\n${cutNote(whereWhole)}`];
}

/** Messages of a chat, as the platform likes them. */
export function chatParts({ render }: Pick<PlatformSender, 'render'>, markdown: string, whereWhole: string): Parts {
  const [beginning = ''] = pieces(markdown, chatText, 1);
  const parts = render(beginning).filter((part) => part.trim() !== '');
  if (beginning.length === markdown.length && parts.length <= mostParts) return parts;
  return [...parts.slice(0, mostParts - 1), ...render(cutNote(whereWhole))];
}

function cutNote(whereWhole: string): string {
  return `(The result goes on; it is cut here. ${whereWhole} has it whole.)`;
}

/** Pieces of at most `size` UTF-16 units, at most `most` of them; no character is cut in two. */
function pieces(text: string, size: number, most: number): readonly string[] {
  const parts: string[] = [];
  let at = 0;
  while (parts.length < most && (at < text.length || parts.length === 0)) {
    const end = at + size;
    const isInside = end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1));
    parts.push(text.slice(at, isInside ? end - 1 : end));
    at = isInside ? end - 1 : end;
  }
  return parts;
}
