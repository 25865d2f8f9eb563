import { randomFillSync } from 'node:crypto';

/** What a stored thing is called on the wire: `ses_`, `run_`, `resp_` and `dlv_` before the hex digits of its UUID. */
export type WirePrefix = 'ses' | 'run' | 'resp' | 'dlv';

/** A new UUIDv7 (RFC 9562): sorts by the millisecond it was made in, random after that. */
export function newId(now: number = Date.now()): string {
  return hyphenated(newHexId(now));
}

/** The 32 hex digits of a new UUIDv7. */
export function newHexId(now: number = Date.now()): string {
  const bytes = takeRandom(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex');
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

/** Random bytes are drawn for many ids at once; no byte is given twice. */
let pool = Buffer.alloc(0);
const poolBytes = 16_384;

function takeRandom(count: number): Buffer {
  if (pool.length < count) pool = randomFillSync(Buffer.allocUnsafe(poolBytes));
  const taken = pool.subarray(0, count);
  pool = pool.subarray(count);
  return taken;
}

function hyphenated(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
