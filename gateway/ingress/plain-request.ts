import type { IncomingMessage } from 'node:http';
import { TalariaError } from '../../core/lib/errors.ts';

/**
 * Refuses a request that two readers may take for two different ones: without `Host` or with several (RFC 9112, 3.2), or
 * with several `Authorization`, of which Node would use the first. Throws `invalid_header`.
 */
export function refuseAmbiguous({ rawHeaders, headers, httpVersion }: IncomingMessage): void {
  if (headers.host === undefined && httpVersion === '1.1') throw invalid('host', 'is missing', 'Send it');
  let hosts = 0;
  let keys = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') keys += 1;
  }
  if (hosts > 1) throw invalid('host', 'stands in the request more than once', 'Send it once');
  if (keys > 1) throw invalid('authorization', 'stands in the request more than once', 'Send it once');
}

/** Refuses a body that is compressed: it would be read as if it were not. Throws `invalid_header`. */
export function refuseEncoded(encoding: string | undefined): void {
  if (encoding === undefined || encoding.trim().toLowerCase() === 'identity') return;
  throw invalid('content-encoding', 'is not taken', 'Send the body as it is');
}

function invalid(name: string, what: string, cure: string): TalariaError {
  return new TalariaError('invalid_header', `Header ${name} ${what}. ${cure}.`, { param: name });
}
