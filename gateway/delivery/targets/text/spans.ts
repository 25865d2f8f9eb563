import { addressAt, angledAt, type Found, targetAt } from './addresses.ts';
import { plain, type Span } from './document.ts';

/**
 * The spans of a paragraph of Markdown: emphasis, strike-through, code, links, addresses and escapes. What is none of
 * these stays as it was written. Takes time in proportion to the text, whatever is in it, which CommonMark's own rules
 * and the parsers that follow them do not: emphasis here may overlap other emphasis or end inside a link, and the first
 * opener that fits is taken.
 */
export function parseSpans(text: string): readonly Span[] {
  const reader = new SpanReader(text);
  while (reader.at < text.length) reader.step();
  return merged(reader.pieces);
}

const special = /[\\`*_~[\]!<]|https?:\/\//g;

type Emphasis = 'bold' | 'italic' | 'strike';

interface Piece {
  text: string;
  code: boolean;
  link: string;
  /** By how much the depth of each emphasis changes before this piece. */
  readonly depth: Record<Emphasis, number>;
}

interface Opener {
  readonly index: number;
  left: number;
}

class SpanReader {
  readonly pieces: Piece[] = [];
  at = 0;
  readonly #text: string;
  readonly #openers: Record<string, Opener[]> = { '*': [], _: [], '~': [] };
  #brackets: number[] = [];
  #ticks: Map<number, number[]> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  step(): void {
    special.lastIndex = this.at;
    const next = special.exec(this.#text)?.index ?? this.#text.length;
    if (next > this.at) this.#literal(next - this.at);
    if (this.at < this.#text.length) this.#read(this.#text[this.at] ?? '');
  }

  #read(char: string): void {
    if (char === '\\') this.#escape();
    else if (char === '`') this.#code();
    else if (char === 'h') this.#address();
    else if (char === '<') this.#angle();
    else if (char === ']') this.#closeBracket();
    else if (char === '[' || (char === '!' && this.#text[this.at + 1] === '[')) this.#openBracket(char);
    else if (char === '!') this.#literal(1);
    else this.#emphasis(char);
  }

  #push(text: string, look: { readonly code?: boolean; readonly link?: string } = {}): void {
    const { code = false, link = '' } = look;
    this.pieces.push({ text, code, link, depth: { bold: 0, italic: 0, strike: 0 } });
  }

  #literal(length: number): void {
    this.#push(this.#text.slice(this.at, this.at + length));
    this.at += length;
  }

  #escape(): void {
    const escaped = this.#text[this.at + 1] ?? '';
    if (escaped !== '\n' && !isPunctuation(escaped)) {
      this.#literal(1);
      return;
    }
    this.#push(escaped);
    this.at += 2;
  }

  #code(): void {
    const length = runLength(this.#text, this.at);
    const close = this.#nextTicks(length);
    if (close === undefined) {
      this.#literal(length);
      return;
    }
    const inside = this.#text.slice(this.at + length, close).replaceAll('\n', ' ');
    const padded = inside.startsWith(' ') && inside.endsWith(' ') && inside.trim() !== '';
    this.#push(padded ? inside.slice(1, -1) : inside, { code: true });
    this.at = close + length;
  }

  /** Where the next run of exactly this many backticks starts. */
  #nextTicks(length: number): number | undefined {
    if (this.#ticks === undefined) {
      const runs = [...this.#text.matchAll(/`+/g)].map((match) => ({ at: match.index, length: match[0].length }));
      this.#ticks = new Map();
      for (const run of runs.reverse()) {
        const same = this.#ticks.get(run.length);
        if (same) same.push(run.at);
        else this.#ticks.set(run.length, [run.at]);
      }
    }
    const ahead = this.#ticks.get(length) ?? [];
    while ((ahead.at(-1) ?? Number.POSITIVE_INFINITY) <= this.at) ahead.pop();
    return ahead.at(-1);
  }

  #address(): void {
    const found = addressAt(this.#text, this.at);
    if (found.address === '') this.#literal(found.length);
    else this.#link(found);
  }

  #angle(): void {
    const found = angledAt(this.#text, this.at);
    if (found) this.#link(found);
    else this.#literal(1);
  }

  #link({ address, length }: Found): void {
    this.#push(address, { link: address });
    this.at += length;
  }

  #openBracket(char: string): void {
    this.#brackets.push(this.pieces.length);
    this.#literal(char === '!' ? 2 : 1);
  }

  #closeBracket(): void {
    const open = this.#brackets.pop();
    const target = open === undefined ? undefined : targetAt(this.#text, this.at + 1);
    if (open === undefined || target === undefined) {
      this.#literal(1);
      return;
    }
    this.#brackets = [];
    const link = target.address;
    const [bracket, ...label] = this.pieces.slice(open);
    if (bracket) bracket.text = '';
    for (const piece of label) piece.link = link;
    if (label.every((piece) => piece.text.trim() === '')) this.#push(link, { link });
    this.at += 1 + target.length;
  }

  #emphasis(char: string): void {
    const length = runLength(this.#text, this.at);
    const index = this.pieces.length;
    const { opens, closes } = flanks(this.#text, this.at, length);
    this.#literal(length);
    const piece = this.pieces[index];
    const openers = this.#openers[char] ?? [];
    const least = char === '~' ? 2 : 1;
    let left = length;
    for (let opener = openers.at(-1); closes && opener && left >= least; opener = openers.at(-1)) {
      const used = Math.min(2, left, opener.left);
      const style = char === '~' ? 'strike' : used === 2 ? 'bold' : 'italic';
      this.#mark(style, opener.index, index);
      left -= used;
      opener.left -= used;
      const before = this.pieces[opener.index];
      if (before) before.text = char.repeat(opener.left);
      if (opener.left < least) openers.pop();
    }
    if (piece) piece.text = char.repeat(left);
    if (opens && left >= least) openers.push({ index, left });
  }

  #mark(style: Emphasis, opener: number, closer: number): void {
    const first = this.pieces[opener + 1];
    const end = this.pieces[closer];
    if (!first || !end) return;
    first.depth[style] += 1;
    end.depth[style] -= 1;
  }
}

function merged(pieces: readonly Piece[]): readonly Span[] {
  const spans: { span: Span; texts: string[] }[] = [];
  const depth = { bold: 0, italic: 0, strike: 0 };
  for (const { text, code, link, depth: change } of pieces) {
    for (const style of ['bold', 'italic', 'strike'] as const) depth[style] += change[style];
    if (text === '') continue;
    const span = { ...plain(''), bold: depth.bold > 0, italic: depth.italic > 0, strike: depth.strike > 0, code, link };
    const last = spans.at(-1);
    if (last && sameLook(last.span, span)) last.texts.push(text);
    else spans.push({ span, texts: [text] });
  }
  return spans.map(({ span, texts }) => ({ ...span, text: texts.join('') }));
}

function sameLook(a: Span, b: Span): boolean {
  return a.bold === b.bold && a.italic === b.italic && a.strike === b.strike && a.code === b.code && a.link === b.link;
}

/**
 * Whether a run of markers may open or close emphasis, as CommonMark decides it, but for the punctuation of other scripts
 * than Latin, which counts as a letter: Chinese text has no spaces beside its markers.
 */
function flanks(text: string, at: number, length: number): { readonly opens: boolean; readonly closes: boolean } {
  const before = text[at - 1] ?? ' ';
  const after = text[at + length] ?? ' ';
  const left = !isSpace(after) && (!isPunctuation(after) || isSpace(before) || isPunctuation(before));
  const right = !isSpace(before) && (!isPunctuation(before) || isSpace(after) || isPunctuation(after));
  if (text[at] !== '_') return { opens: left, closes: right };
  return { opens: left && (!right || isPunctuation(before)), closes: right && (!left || isPunctuation(after)) };
}

function runLength(text: string, at: number): number {
  let end = at;
  while (text[end] === text[at] && end < text.length) end += 1;
  return end - at;
}

function isSpace(char: string): boolean {
  return /\s/.test(char);
}

function isPunctuation(char: string): boolean {
  return /^[!-/:-@[-`{-~]$/.test(char);
}
