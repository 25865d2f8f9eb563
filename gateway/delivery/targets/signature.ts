import { createHmac } from 'node:crypto';

/**
 * The headers by which a receiver tells who sent a webhook and that it is whole, after the Standard Webhooks specification
 * 1.0.0. `id` is the same for every attempt, `timestamp` is this attempt's in Unix seconds. Each valid secret gives one
 * signature; without secrets nothing is signed.
 */
export function signatureHeaders(
  id: string,
  timestamp: number,
  body: string,
  secrets: readonly string[],
): Record<string, string> {
  const signatures = secrets.map((secret) => `v1,${sign(`${id}.${timestamp}.${body}`, secret)}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    ...(signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') }),
  };
}

function sign(content: string, secret: string): string {
  return createHmac('sha256', keyOf(secret)).update(content).digest('base64');
}

/** A secret is base64, usually after `whsec_`, as the specification's libraries expect; any other text is taken as it is. */
function keyOf(secret: string): Buffer {
  const text = secret.replace(/^whsec_/, '');
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  return isBase64 ? Buffer.from(text, 'base64') : Buffer.from(secret, 'utf8');
}
