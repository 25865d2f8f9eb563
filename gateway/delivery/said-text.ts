import { textOfHTML } from './targets/text/html.ts';

/** What the agent said with a part of a message, without the marks that its platform reads, for the session of the chat. */
export function saidText(platform: string, part: string): string {
  return inHTML.has(platform) ? textOfHTML(part.replaceAll('<br>', '\n').replaceAll('&nbsp;', ' ')) : part;
}

/** The platforms whose parts are HTML. */
const inHTML: ReadonlySet<string> = new Set(['telegram', 'matrix']);
