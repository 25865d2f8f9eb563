import { gunzipSync, gzipSync } from 'node:zlib';
import type { EncodedBucket } from './encode.ts';

/** The data of a bucket's ConfigMap: readable JSON, or gzip in base64 when that would be too long. */
export type BucketPayload =
  | { readonly data: { readonly [bucketKey]: string } }
  | { readonly binaryData: { readonly [compressedKey]: string } };

export const bucketKey = 'bucket.json';
export const compressedKey = 'bucket.json.gz';

/** A bucket text beyond this many bytes is compressed. */
export const readableBytes = 256 * 1024;
/** A text that unpacks to more is refused: no operator writes one. */
const maxUnpackedBytes = 256 * 1024 * 1024;

/** How a bucket is stored. */
export function packBucket({ text }: Pick<EncodedBucket, 'text'>): BucketPayload {
  if (Buffer.byteLength(text) <= readableBytes) return { data: { [bucketKey]: text } };
  return { binaryData: { [compressedKey]: gzipSync(text).toString('base64') } };
}

/** What counts against the limit of a ConfigMap (1 MiB): values in bytes, compressed ones before base64. */
export function payloadBytes(payload: BucketPayload): number {
  if ('data' in payload) return Buffer.byteLength(payload.data[bucketKey]);
  return Buffer.byteLength(payload.binaryData[compressedKey], 'base64');
}

/** The text of a stored bucket; undefined when there is none, or it cannot be unpacked. */
export function unpackBucket(stored: {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}): string | undefined {
  const text = stored.data?.[bucketKey];
  const compressed = stored.binaryData?.[compressedKey];
  if (text !== undefined || compressed === undefined) return text;
  try {
    return gunzipSync(Buffer.from(compressed, 'base64'), { maxOutputLength: maxUnpackedBytes }).toString('utf8');
  } catch {
    return undefined;
  }
}
