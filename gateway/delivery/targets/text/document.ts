/** A run of characters with one look. */
export interface Span {
  readonly text: string;
  readonly bold: boolean;
  readonly italic: boolean;
  readonly strike: boolean;
  readonly code: boolean;
  /** An http(s) address, '' for none. A bare address in the text is a link whose text is the address. */
  readonly link: string;
}

interface Placed {
  /** Whether it follows the block before it without an empty line. */
  readonly close: boolean;
}

/** A paragraph, heading, list item or rule: lines of spans, with `\n` between them. */
export interface TextBlock extends Placed {
  readonly kind: 'text';
  readonly quote: boolean;
  readonly spans: readonly Span[];
}

/** Text of fixed width, shown as it is. */
export interface CodeBlock extends Placed {
  readonly kind: 'code';
  /** '' for none. */
  readonly language: string;
  readonly text: string;
}

/** What chat messages are made of, whatever the platform. */
export type Block = TextBlock | CodeBlock;

/** A span of this text with no look of its own. */
export function plain(text: string): Span {
  return { text, bold: false, italic: false, strike: false, code: false, link: '' };
}
