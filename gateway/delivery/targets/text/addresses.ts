/** An address found in a text, and how many characters say it. */
export interface Found {
  readonly address: string;
  readonly length: number;
}

/** Addresses beyond this stay text: no platform takes them as a link. */
const maxAddress = 1_000;
const target =
  /\([ \n]{0,8}<?(https?:\/\/[^\s()<>]{1,1000}(?:\([^\s()<>]{0,1000}\)[^\s()<>]{0,1000}){0,4})>?(?:[ \n]{1,8}"[^"\n]{0,500}")?[ \n]{0,8}\)/y;
const inAngles = /<(https?:\/\/[^\s<>]{1,1000})>/y;
const bare = /https?:\/\/[^\s<>[\]`|\\]+/y;

/** Where a link leads whose text ended just before: `(https://...)`, with a title or without. */
export function targetAt(text: string, at: number): Found | undefined {
  const match = matchAt(target, text, at);
  const address = match?.[1] ?? '';
  return match && address.length <= maxAddress ? { address, length: match[0].length } : undefined;
}

/** `<https://...>` */
export function angledAt(text: string, at: number): Found | undefined {
  const match = matchAt(inAngles, text, at);
  return match ? { address: match[1] ?? '', length: match[0].length } : undefined;
}

/** An address by itself, without the punctuation of the sentence that it ends. `address` is '' where it is no link. */
export function addressAt(text: string, at: number): Found {
  const found = matchAt(bare, text, at)?.[0] ?? '';
  const length = Math.max(1, withoutPunctuation(found));
  const isLink = length <= maxAddress && length > 'https://'.length;
  return { address: isLink ? found.slice(0, length) : '', length };
}

function withoutPunctuation(address: string): number {
  const opened = address.includes('(');
  let length = address.length;
  while (length > 0 && '.,:;!?\'"*_~)}'.includes(address[length - 1] ?? ' ')) {
    if (address[length - 1] === ')' && opened) break;
    length -= 1;
  }
  return length;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
