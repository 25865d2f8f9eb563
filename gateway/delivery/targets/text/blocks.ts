import { type Block, plain, type Span } from './document.ts';
import { parseSpans } from './spans.ts';

/**
 * The blocks of a Markdown text as chat models write it: paragraphs that keep their lines, headings (bold), list items,
 * quotes, rules, fenced code, and tables as code. Takes time in proportion to the text; the spans of one that is longer
 * than anybody writes stay as they are, so that no text holds the process up.
 */
export function parseBlocks(markdown: string): readonly Block[] {
  const spansOf = markdown.length > maxStyled ? (text: string) => [plain(text)] : parseSpans;
  const lines = cleaned(markdown).split('\n').map(readLine);
  const blocks: Block[] = [];
  let paragraph: Paragraph | undefined;
  let close = false;
  const add = (block: Block | undefined) => {
    if (!block) return;
    blocks.push(blocks.length === 0 ? { ...block, close: false } : block);
    close = true;
  };
  const finish = () => {
    if (paragraph) add(textBlock(paragraph, spansOf));
    paragraph = undefined;
  };
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? emptyLine;
    const code = fencedCode(lines, at) ?? table(lines, at);
    if (code) {
      finish();
      add(codeBlock(code, close));
      at = code.end;
      continue;
    }
    const started = startedBy(line);
    if (started || line.text.trim() === '' || paragraph?.quote !== line.quote) finish();
    if (line.text.trim() === '') close = false;
    else if (started) paragraph = { ...started, close };
    else if (paragraph) paragraph.lines.push(paragraph.indent + line.text.trim());
    else paragraph = { lines: [line.text.trim()], indent: '', mark: '', bold: false, quote: line.quote, close };
    if (paragraph?.bold) finish();
    at += 1;
  }
  finish();
  return blocks;
}

const maxStyled = 256 * 1024;

interface Line {
  readonly raw: string;
  readonly quote: boolean;
  /** Without the marks of a quote. */
  readonly text: string;
}

interface Paragraph {
  readonly lines: string[];
  /** What stands before its first line, and before the others. */
  readonly mark: string;
  readonly indent: string;
  readonly bold: boolean;
  readonly quote: boolean;
  readonly close: boolean;
}

interface Code {
  readonly language: string;
  readonly lines: readonly string[];
  /** The line after it. */
  readonly end: number;
}

const emptyLine: Line = { raw: '', quote: false, text: '' };

/** Text that every platform can carry: whole characters, one kind of line end, no control characters. */
function cleaned(markdown: string): string {
  return markdown
    .toWellFormed()
    .replaceAll(/\r\n?|[\u2028\u2029]/g, '\n')
    .replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '');
}

function readLine(raw: string): Line {
  let start = 0;
  for (let mark = quoteMark(raw, start); mark > 0; mark = quoteMark(raw, start)) start += mark;
  return { raw, quote: start > 0, text: raw.slice(start) };
}

/** The length of the mark of a quote that starts here, 0 for none. */
function quoteMark(line: string, start: number): number {
  let at = start;
  while (at < start + 3 && line[at] === ' ') at += 1;
  if (line[at] !== '>') return 0;
  return at + (line[at + 1] === ' ' ? 2 : 1) - start;
}

/** The block that a line starts by itself: a heading, a rule or an item of a list. */
function startedBy({ text, quote }: Line): Omit<Paragraph, 'close'> | undefined {
  const heading = /^ {0,3}#{1,6}[ \t]+(\S.*)$/.exec(text)?.[1];
  if (heading !== undefined) return { lines: [headingText(heading)], mark: '', indent: '', bold: true, quote };
  if (isRule(text)) return { lines: [], mark: '———', indent: '', bold: true, quote };
  const item = /^([ \t]*)([-*+]|\d{1,9}[.)])[ \t]+(\S.*)$/.exec(text);
  if (!item) return undefined;
  const [, space = '', bullet = '', content = ''] = item;
  const margin = ' '.repeat(Math.min(16, space.replaceAll('\t', '    ').length));
  const mark = `${margin}${/\d/.test(bullet) ? bullet : '•'} `;
  return { lines: [content.trimEnd()], mark, indent: `${margin}  `, bold: false, quote };
}

function isRule(text: string): boolean {
  const marks = text.trim();
  const mark = marks[0] ?? '';
  if (marks.length > 200 || !'-*_'.includes(mark)) return false;
  const bare = marks.replaceAll(/[ \t]/g, '');
  return bare.length >= 3 && bare === mark.repeat(bare.length);
}

function headingText(written: string): string {
  const text = written.trimEnd();
  let end = text.length;
  while (text[end - 1] === '#') end -= 1;
  return end > 0 && text[end - 1] === ' ' ? text.slice(0, end).trimEnd() : text;
}

type Spans = (text: string) => readonly Span[];

function textBlock({ lines, mark, bold, quote, close }: Paragraph, spansOf: Spans): Block | undefined {
  const parsed = spansOf(lines.join('\n')).map((span): Span => (bold ? { ...span, bold: true } : span));
  const spans = mark === '' ? parsed : [plain(mark), ...parsed];
  if (spans.every((span) => span.text.trim() === '')) return undefined;
  return { kind: 'text', quote, close, spans };
}

function codeBlock({ language, lines }: Code, close: boolean): Block | undefined {
  const text = lines.join('\n');
  return text.trim() === '' ? undefined : { kind: 'code', language, text, close };
}

/** A fence that is not closed holds the rest of the text. */
function fencedCode(lines: readonly Line[], start: number): Code | undefined {
  const first = lines[start] ?? emptyLine;
  const opening = /^([ \t]*)(`{3,}|~{3,})(.*)$/.exec(first.text);
  if (!opening) return undefined;
  const [, margin = '', fence = '', info = ''] = opening;
  if (fence.startsWith('`') && info.includes('`')) return undefined;
  const [name = ''] = info.trim().split(/\s/, 1);
  const language = /^[\w+#.-]{1,32}$/.test(name) ? name : '';
  const inside: string[] = [];
  for (let at = start + 1; at < lines.length; at += 1) {
    const line = lines[at] ?? emptyLine;
    if (first.quote && !line.quote) return { language, lines: inside, end: at };
    const text = first.quote ? line.text : line.raw;
    if (closes(text, fence)) return { language, lines: inside, end: at + 1 };
    inside.push(withoutMargin(text, margin.length));
  }
  return { language, lines: inside, end: lines.length };
}

function closes(text: string, fence: string): boolean {
  const mark = text.trim();
  return mark.length >= fence.length && mark.startsWith(fence) && /^(?:`+|~+)$/.test(mark);
}

function withoutMargin(text: string, width: number): string {
  let start = 0;
  while (start < width && (text[start] === ' ' || text[start] === '\t')) start += 1;
  return text.slice(start);
}

/** A header row, a row of dashes and what follows: no chat shows tables, and columns need a fixed width. */
function table(lines: readonly Line[], start: number): Code | undefined {
  const isRow = (line: Line | undefined) => line?.text.includes('|') === true;
  const dashes = lines[start + 1]?.text ?? '';
  if (!isRow(lines[start]) || !isRow(lines[start + 1]) || !/^[\s|:-]+$/.test(dashes) || !dashes.includes('-')) {
    return undefined;
  }
  let end = start;
  while (isRow(lines[end])) end += 1;
  return { language: '', lines: lines.slice(start, end).map((line) => line.text), end };
}
