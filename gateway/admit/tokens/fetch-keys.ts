import { readFile } from 'node:fs/promises';
import type { JSONWebKeySet } from 'jose';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { deadline } from '../../../core/lib/deadline.ts';
import { type IssuerConfig, isTrustworthy } from '../../config/issuers.ts';

/** Discovery and keys together may take this long. */
const fetchMs = 5_000;
const maxAnswerBytes = 256 * 1024;
const maxKeys = 100;

/**
 * Fetches the public keys of an issuer, from its `jwksURL` or where its OIDC discovery says. Follows no redirect. Rejects
 * with an Error whose message has no secret: the answer is late, too large, no JWK set, or of another issuer.
 */
export async function fetchKeys(issuer: IssuerConfig): Promise<JSONWebKeySet> {
  using limit = deadline(fetchMs);
  const [caFile, token] = await Promise.all([readText(issuer.caFile), readText(issuer.tokenFile)]);
  const ca = issuer.ca ?? caFile;
  // A connection of its own for each fetch: they are minutes apart, and the certificates may have changed.
  const dispatcher = new Agent({ connect: { timeout: fetchMs, ...(ca === undefined ? {} : { ca }) } });
  const get = (url: string) => getJson(url, { dispatcher, signal: limit.signal, token });
  try {
    return keySet.parse(await get(issuer.jwksURL ?? (await discover(issuer.issuer, get)))) as JSONWebKeySet;
  } catch (error) {
    if (limit.expired()) throw new Error(`its server did not answer within ${fetchMs / 1_000} s`, { cause: error });
    if (error instanceof z.ZodError) throw new Error('its server answered with something else than a JWK set');
    throw error;
  } finally {
    await dispatcher.destroy();
  }
}

const keySet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).max(maxKeys) });
const discovery = z.looseObject({ issuer: z.string(), jwks_uri: z.string() });

async function discover(issuer: string, get: (url: string) => Promise<unknown>): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const found = discovery.safeParse(await get(url));
  if (!found.success) throw new Error(`${url} is no OIDC discovery document`);
  if (found.data.issuer !== issuer) throw new Error(`${url} is of another issuer`);
  if (!isTrustworthy(found.data.jwks_uri)) throw new Error(`${url} has a jwks_uri that is no https URL`);
  return found.data.jwks_uri;
}

interface Get {
  readonly dispatcher: Agent;
  readonly signal: AbortSignal;
  readonly token: string | undefined;
}

async function getJson(url: string, { dispatcher, signal, token }: Get): Promise<unknown> {
  const { statusCode, body } = await request(url, {
    dispatcher,
    signal,
    headers: {
      accept: 'application/json, application/jwk-set+json',
      'user-agent': 'talaria',
      ...(token === undefined ? {} : { authorization: `Bearer ${token.trim()}` }),
    },
  });
  if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
  const pieces: Buffer[] = [];
  let received = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    received += piece.byteLength;
    if (received > maxAnswerBytes) throw new Error(`${url} answered with more than ${maxAnswerBytes / 1024} KiB`);
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw new Error(`${url} did not answer with JSON`);
  }
}

async function readText(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : readFile(file, 'utf8');
}
