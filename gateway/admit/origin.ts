import { TalariaError } from '../../core/lib/errors.ts';

/**
 * Keeps web pages away from a gateway that asks for no key. Throws `origin_refused` unless `Host` is a loopback name (a
 * foreign one is a DNS rebinding) and `Origin`, when present, is this very server or one of `allowed`.
 */
export function refuseForeign(
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  allowed: readonly string[],
): void {
  const { host = '', origin } = headers;
  if (!isLoopback(host)) {
    throw refused(`Host "${shorten(host)}"`, 'Call it as 127.0.0.1 or localhost');
  }
  if (origin === undefined || origin === `http://${host}` || allowed.includes(origin)) return;
  throw refused(`Origin "${shorten(origin)}"`, 'Add the origin to cors.origins of the configuration');
}

function isLoopback(host: string): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[^:]*)(:\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase();
  return name === 'localhost' || name === '[::1]' || (name !== undefined && /^127(\.\d{1,3}){3}$/.test(name));
}

function refused(what: string, cure: string): TalariaError {
  return new TalariaError(
    'origin_refused',
    `${what} may not use this gateway, which answers its own machine without a key. ${cure}.`,
  );
}

function shorten(value: string): string {
  return value.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
