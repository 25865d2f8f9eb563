import { randomBytes } from 'node:crypto';

/** What a stored thing is called on the wire: `ses_`, `run_`, `resp_` and `dlv_` before the hex digits of its UUID. */
export type WirePrefix = 'ses' | 'run' | 'resp' | 'dlv';

/**
 * A new UUIDv7: sorts by the millisecond it was made in, and among those of one process and millisecond by the order they
 * were made in, while the clock does not step back (RFC 9562, section 6.2, method 1, with a counter of 26 bits). Its last 48
 * bits are random; it is no secret, and knowing one must grant nothing.
 */
export function newId(now: number = Date.now()): string {
  return hyphenated(hexIdOf(now));
}

/** The 32 hex digits of a new UUIDv7. */
export function newHexId(): string {
  return hexIdOf(Date.now());
}

/** The Unix millisecond in which a UUIDv7 was made. */
export function madeAt(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The form of an id that clients see, such as `ses_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f`. */
export function toWire(prefix: WirePrefix, id: string): string {
  return `${prefix}_${id.replaceAll('-', '')}`;
}

/** The UUID behind an id of this prefix, or undefined when the text is anything else. */
export function fromWire(prefix: WirePrefix, text: string): string | undefined {
  if (!text.startsWith(`${prefix}_`)) return undefined;
  const hex = text.slice(prefix.length + 1);
  return /^[0-9a-f]{32}$/.test(hex) ? hyphenated(hex) : undefined;
}

function hexIdOf(now: number): string {
  advance(now);
  const high = (0x7000 | ((counter >>> 14) & 0xfff)).toString(16);
  const low = (0x8000 | (counter & 0x3fff)).toString(16);
  return timeDigits + high + low + randomDigits(12);
}

let time = -1;
let timeDigits = '';
let counter = 0;

/** Starts in the lower half of its 26 bits; after 33 million ids in one millisecond their order would be lost. */
function advance(now: number): void {
  if (now === time) {
    counter += 1;
    return;
  }
  time = now;
  timeDigits = now.toString(16).padStart(12, '0');
  counter = Number.parseInt(randomDigits(7), 16) & 0x1ff_ffff;
}

/** Drawn for many ids at once; no digit is given twice. */
let pool = '';
let taken = 0;
const poolBytes = 8_192;

/** At most 12 at once: a longer slice would keep the whole pool in memory for as long as the id is kept. */
function randomDigits(count: number): string {
  if (pool.length - taken < count) {
    pool = randomBytes(poolBytes).toString('hex');
    taken = 0;
  }
  taken += count;
  return pool.slice(taken - count, taken);
}

function hyphenated(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
