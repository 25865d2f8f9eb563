import type { Block, Span } from './document.ts';

/** How a platform writes blocks, and what it takes in one message. */
export interface TextForm {
  readonly write: (block: Block) => string;
  /** What stands between two blocks of one message. */
  readonly joint: (before: Block, after: Block) => string;
  /** What a message must keep to. The first counts at least 1 for every UTF-16 unit that is seen. */
  readonly limits: readonly [TextLimit, ...TextLimit[]];
}

export interface TextLimit {
  readonly max: number;
  /** The size of written text, which is the sum of the sizes of its blocks and joints. */
  readonly sizeOf: (written: string) => number;
}

/**
 * Writes blocks into messages that keep to every limit. A block that fits into one message is never cut; one that does
 * not is cut at a line, else at a word, else between two characters, and a code block is a code block on both sides of
 * the cut. No text is lost but the white space at cuts; blocks of nothing else are left out.
 */
export function writeParts(blocks: readonly Block[], form: TextForm): readonly string[] {
  const parts: string[] = [];
  let open: Part | undefined;
  for (const block of blocks) {
    for (const piece of piecesOf(block, form)) {
      const joined = open && joinedBy(open, piece, form);
      if (open && !joined) parts.push(open.texts.join(''));
      open = joined ?? partOf(piece);
    }
  }
  if (open) parts.push(open.texts.join(''));
  return parts;
}

interface Piece {
  readonly block: Block;
  readonly written: string;
  readonly sizes: readonly number[];
}

interface Part {
  readonly texts: string[];
  readonly sizes: readonly number[];
  readonly last: Block;
}

function partOf({ block, written, sizes }: Piece): Part {
  return { texts: [written], sizes, last: block };
}

/** The part with the piece at its end, or undefined when it does not fit. */
function joinedBy(part: Part, piece: Piece, form: TextForm): Part | undefined {
  const joint = form.joint(part.last, piece.block);
  const jointSizes = sizesOf(joint, form);
  const sizes = part.sizes.map((size, index) => size + (jointSizes[index] ?? 0) + (piece.sizes[index] ?? 0));
  if (!within(sizes, form)) return undefined;
  part.texts.push(joint, piece.written);
  return { texts: part.texts, sizes, last: piece.block };
}

function* piecesOf(block: Block, form: TextForm): Generator<Piece> {
  const text = textOf(block);
  const most = form.limits[0].max;
  if (text.length <= most) {
    const whole = written(block, form);
    if (within(whole.sizes, form)) return yield whole;
  }
  const slice = slicer(block);
  for (let from = 0; from < text.length; ) {
    const cut = cutAfter(block, text, from, fitting(slice, from, Math.min(from + most, text.length), form));
    const piece = slice(from, cut.end);
    if (textOf(piece).trim() !== '') yield written(piece, form);
    from = cut.next;
  }
}

/** An end with which what starts at `from` fits, near the furthest: the excess of one try says how far to come back. */
function fitting(slice: Slice, from: number, most: number, form: TextForm): number {
  let end = most;
  while (end - from > 1) {
    const sizes = sizesOf(form.write(slice(from, end)), form);
    const share = Math.min(...sizes.map((size, index) => (form.limits[index]?.max ?? 0) / size));
    if (share >= 1) return end;
    end = from + Math.max(1, Math.floor((end - from) * share * 0.98));
  }
  return end;
}

/** Where to cut at or before `limit`, and where the rest starts. */
function cutAfter(block: Block, text: string, from: number, limit: number): { end: number; next: number } {
  if (limit >= text.length) return { end: limit, next: limit };
  const window = text.slice(from, limit + 1);
  const line = window.lastIndexOf('\n');
  if (line > 0) return { end: from + line, next: from + line + 1 };
  const word = block.kind === 'text' ? window.lastIndexOf(' ') : -1;
  if (word > 0) return { end: from + word, next: from + word + 1 };
  const last = text.charCodeAt(limit - 1);
  const end = last >= 0xd800 && last < 0xdc00 && limit - 1 > from ? limit - 1 : limit;
  return { end, next: end };
}

type Slice = (from: number, end: number) => Block;

function slicer(block: Block): Slice {
  if (block.kind === 'code') return (from, end) => ({ ...block, text: block.text.slice(from, end) });
  const starts: number[] = [];
  let length = 0;
  for (const span of block.spans) {
    starts.push(length);
    length += span.text.length;
  }
  return (from, end) => {
    const spans: Span[] = [];
    for (let at = spanAt(starts, from); at < starts.length && (starts[at] ?? end) < end; at += 1) {
      const span = block.spans[at];
      const start = starts[at] ?? 0;
      if (span) spans.push({ ...span, text: span.text.slice(Math.max(0, from - start), end - start) });
    }
    return { ...block, spans };
  };
}

/** The index of the last start at or before `offset`. */
function spanAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low;
}

function textOf(block: Block): string {
  return block.kind === 'code' ? block.text : block.spans.map((span) => span.text).join('');
}

function written(block: Block, form: TextForm): Piece {
  const text = form.write(block);
  return { block, written: text, sizes: sizesOf(text, form) };
}

function sizesOf(text: string, form: TextForm): readonly number[] {
  return form.limits.map(({ sizeOf }) => sizeOf(text));
}

function within(sizes: readonly number[], form: TextForm): boolean {
  return sizes.every((size, index) => size <= (form.limits[index]?.max ?? 0));
}
