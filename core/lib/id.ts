import { randomBytes } from 'node:crypto';

/** What a stored thing is called on the wire: `ses_`, `run_`, `resp_` and `dlv_` before the hex digits of its UUID. */
export type WirePrefix = 'ses' | 'run' | 'resp' | 'dlv';

/** A new UUIDv7 (RFC 9562): sorts by the millisecond it was made in, random after that. */
export function newId(now: number = Date.now()): string {
  const time = timeDigits(now);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomDigits(3)}-${variantDigit()}${randomDigits(3)}-${randomDigits(12)}`;
}

/** The 32 hex digits of a new UUIDv7. */
export function newHexId(now: number = Date.now()): string {
  return `${timeDigits(now)}7${randomDigits(3)}${variantDigit()}${randomDigits(3)}${randomDigits(12)}`;
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

let lastTime = -1;
let lastDigits = '';

/** 12 hex digits; thousands of ids are made in one millisecond. */
function timeDigits(now: number): string {
  if (now !== lastTime) {
    lastTime = now;
    lastDigits = now.toString(16).padStart(12, '0');
  }
  return lastDigits;
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

/** The two bits of the variant, and two random ones. */
function variantDigit(): string {
  return ((Number.parseInt(randomDigits(1), 16) & 0x3) | 0x8).toString(16);
}

function hyphenated(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
