import { createHmac } from 'node:crypto';

const maxLogicalLength = 200;

/**
 * Name of a value in the credentials shards: `coder.model.k3f9x2m7qa`. The last part is a keyed hash of the value, so a
 * name stands for one value for ever and tells nothing about it to who lacks the key, which only the shards hold.
 */
export function credentialName(versionKey: string, logicalName: string, value: string): string {
  const logical = logicalName.slice(0, maxLogicalLength);
  const digest = createHmac('sha256', versionKey).update(`${logical}\n${value}`).digest();
  return `${logical}.${version(digest)}`;
}

/** Ten characters out of 32: 50 bits. */
function version(digest: Buffer): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
  return Array.from(digest.subarray(0, 10), (byte) => alphabet[byte % 32]).join('');
}
