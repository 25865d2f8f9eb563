import type { Span, TextBlock } from './document.ts';

/** How a platform marks text that it does not take as HTML. */
export interface Marks {
  readonly bold: string;
  readonly italic: string;
  readonly strike: string;
  readonly escape: (text: string) => string;
  /** A piece of code without line ends, or undefined where it cannot be marked. */
  readonly code: (text: string) => string | undefined;
  /** `label` is escaped already. */
  readonly link: (label: string, address: string) => string;
  /** An address that stands for itself. */
  readonly address: (address: string) => string;
  /** Whether a mark between two letters is none, as in `un*believ*able`. */
  readonly needGap: boolean;
}

/**
 * A block in such marks. No mark spans white space at its edge or the end of a line; where two marks, or a mark and a
 * letter, would be read as one, a space without width stands between them. Each line of a quote starts with `> `.
 */
export function markedBlock({ spans, quote }: TextBlock, marks: Marks): string {
  let text = '';
  let before: Marked | undefined;
  for (const span of spans) {
    const piece = markedSpan(span, marks);
    text += (before ? gap(before, piece, marks) : '') + piece.text;
    before = piece;
  }
  return quote ? text.replaceAll(/^/gm, '> ') : text;
}

/** Code between fences, whose own fences are broken by spaces without width. */
export function fenced(language: string, code: string): string {
  return `\`\`\`${language}\n${code.replaceAll('```', `\`${noWidth}\`${noWidth}\``)}\n\`\`\``;
}

interface Marked {
  readonly text: string;
  readonly marked: boolean;
}

const noWidth = '\u200b';

function markedSpan(span: Span, marks: Marks): Marked {
  const code = span.code && span.link === '' ? marks.code(span.text) : undefined;
  if (code !== undefined) return { text: code, marked: true };
  if (span.link !== '' && span.link === span.text) return { text: marks.address(span.link), marked: false };
  const [open, close] = marksOf(span, marks);
  const text = span.text
    .split('\n')
    .map((line) => markedLine(line, span.link, open, close, marks))
    .join('\n');
  return { text, marked: open !== '' };
}

function markedLine(line: string, link: string, open: string, close: string, marks: Marks): string {
  const core = line.trim();
  if (core === '') return line;
  const start = line.indexOf(core);
  const escaped = marks.escape(core);
  const inside = link === '' ? escaped : marks.link(escaped, link);
  return line.slice(0, start) + open + inside + close + line.slice(start + core.length);
}

function marksOf(span: Span, marks: Marks): readonly [string, string] {
  const open = [span.bold ? marks.bold : '', span.italic ? marks.italic : '', span.strike ? marks.strike : ''];
  return [open.join(''), open.toReversed().join('')];
}

function gap(before: Marked, after: Marked, marks: Marks): string {
  const left = before.text.at(-1) ?? ' ';
  const right = after.text.at(0) ?? ' ';
  if (!(before.marked || after.marked) || /\s/.test(left) || /\s/.test(right)) return '';
  if (before.marked && after.marked) return noWidth;
  return marks.needGap && /[\p{L}\p{N}]/u.test(before.marked ? right : left) ? noWidth : '';
}
