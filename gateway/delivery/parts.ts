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
/** A few parts of most platforms. */
const sample = 16_000;

/** How a text is cut: `whereWhole` names what has more of it, `most` is how much of it is sent at most, in UTF-16 units. */
export interface Cut {
  readonly whereWhole: string;
  readonly most: number;
}

/** The text in the order of a webhook's bodies. An empty result has one, for a receiver that waits for the end of the run. */
export function webhookParts(text: string, { whereWhole, most }: Cut): Parts {
  const size = Math.min(webhookPart, most);
  const parts = pieces(text, size, Math.min(mostParts, Math.floor(most / size)));
  const left = text.length - parts.reduce((sum, part) => sum + part.length, 0);
  return left === 0 ? parts : [...parts.slice(0, -1), `${parts.at(-1)}\n\n${cutNote(whereWhole)}`];
}

/** One line of the log. */
export function logParts(text: string, { whereWhole, most }: Cut): Parts {
  const first = beginning(text, Math.min(logText, most));
  return [first.length === text.length ? text : `${first}\n\n${cutNote(whereWhole)}`];
}

/** Messages of a chat, as the platform likes them. */
export function chatParts(
  { render }: Pick<PlatformSender, 'render'>,
  markdown: string,
  { whereWhole, most }: Cut,
): Parts {
  const { parts, whole } = firstParts(render, markdown);
  const kept = within(parts, most);
  if (whole && kept.length === parts.length && parts.length <= mostParts) return parts;
  return [...kept.slice(0, mostParts - 1), ...render(cutNote(whereWhole))];
}

/**
 * More parts than `mostParts`, or all of them; rendering is the dear part, and holds up everybody. How far it must go is
 * taken from how many parts a short beginning makes.
 */
function firstParts(render: PlatformSender['render'], markdown: string): { parts: Parts; whole: boolean } {
  let length = Math.min(sample, markdown.length);
  for (;;) {
    const first = beginning(markdown, length);
    const parts = render(first).filter((part) => part.trim() !== '');
    const whole = first.length === markdown.length;
    if (whole || parts.length > mostParts || length >= chatText) return { parts, whole };
    // The last part is about half full.
    const enough = Math.ceil((length / Math.max(0.5, parts.length - 0.5)) * (mostParts + 2));
    length = Math.min(Math.max(2 * length, enough), chatText);
  }
}

/** The first parts that are not longer than `most` together. */
function within(parts: Parts, most: number): Parts {
  let length = 0;
  const end = parts.findIndex((part) => {
    length += part.length;
    return length > most;
  });
  return end === -1 ? parts : parts.slice(0, end);
}

function cutNote(whereWhole: string): string {
  return `(The result goes on; it is cut here. ${whereWhole} has what is kept of it.)`;
}

/** The first `size` UTF-16 units of a text, one less where they would end inside a character. */
export function beginning(text: string, size: number): string {
  return pieces(text, size, 1)[0] ?? '';
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
