import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import type { IssuerConfig } from '../../gateway/config/issuers.ts';

/** What the issuer's server does with every request. */
export type IssuerMood = 'serves' | 'hangs' | 'fails' | 'redirects' | 'sends garbage' | 'sends endlessly';

/** Where it redirects to; there the truth is. */
const moved = '/moved';

/** An OIDC issuer of one test, on a port of its own. */
export interface OidcIssuer {
  /** `http://127.0.0.1:<port>`, which is its `iss` too. */
  readonly url: string;
  /** Its entry in `auth.issuers`, with the audience `talaria` and OIDC discovery. */
  readonly config: (fields?: Partial<IssuerConfig>) => IssuerConfig;
  /** Makes a new key, publishes it, and signs with it from now on. */
  readonly rotate: (alg?: string, kid?: string) => Promise<void>;
  /** What its JWK set holds; a test may change it. */
  readonly published: JWK[];
  /** A token for the audience `talaria`, in force for five minutes; `undefined` leaves a claim out. */
  readonly token: (claims?: JWTPayload, header?: Readonly<Record<string, unknown>>) => Promise<string>;
  /** Requests for its JWK set so far. */
  readonly fetches: () => number;
  /** Headers of the last request. */
  readonly lastHeaders: () => IncomingHttpHeaders;
  /** What its discovery says beside the truth. */
  readonly discovery: Record<string, unknown>;
  /** Requests that hang are answered by the next mood. */
  readonly behave: (mood: IssuerMood) => void;
  readonly stop: () => Promise<void>;
}

/** Starts one with one key of `alg`. */
export async function startOidcIssuer(alg = 'ES256'): Promise<OidcIssuer> {
  const published: JWK[] = [];
  const discovery: Record<string, unknown> = {};
  let mood: IssuerMood = 'serves';
  let fetches = 0;
  let lastHeaders: IncomingHttpHeaders = {};
  let signer: { readonly key: CryptoKey; readonly alg: string; readonly kid: string } | undefined;
  const held: (() => void)[] = [];
  const server = createServer((request, response) => {
    lastHeaders = request.headers;
    if (request.url === '/jwks') fetches += 1;
    answer(request.url ?? '', response);
  });
  const answer = (path: string, response: ServerResponse): void => {
    const send = (body: unknown) => response.end(JSON.stringify(body));
    if (mood === 'hangs') return void held.push(() => answer(path, response));
    if (mood === 'fails') return void response.writeHead(500).end();
    if (mood === 'redirects' && !path.startsWith(moved)) {
      return void response.writeHead(302, { location: `${moved}${path}` }).end();
    }
    if (mood === 'sends garbage') return void send({ keys: 'none' });
    if (mood === 'sends endlessly') return void response.end('['.repeat(1_000_000));
    if (path.endsWith('/.well-known/openid-configuration')) {
      return void send({ issuer: url, jwks_uri: `${url}/jwks`, ...discovery });
    }
    send({ keys: published });
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const rotate = async (newAlg = alg, kid = `key-${published.length + 1}`) => {
    const { publicKey, privateKey } = await generateKeyPair(newAlg, { extractable: true });
    published.push({ ...(await exportJWK(publicKey)), kid, use: 'sig', alg: newAlg });
    signer = { key: privateKey, alg: newAlg, kid };
  };
  await rotate();

  return {
    url,
    published,
    discovery,
    rotate,
    config: (fields) => ({ issuer: url, audiences: ['talaria'], agents: [], role: 'client', ...fields }),
    token: async (claims, header) => {
      if (!signer) throw new Error('the issuer has no key');
      const now = Math.floor(Date.now() / 1_000);
      const payload = { iss: url, sub: 'ada', aud: 'talaria', iat: now, exp: now + 300, ...claims };
      const head = { alg: signer.alg, kid: signer.kid, ...header };
      return new SignJWT(payload).setProtectedHeader(head).sign(signer.key);
    },
    fetches: () => fetches,
    lastHeaders: () => lastHeaders,
    behave: (next) => {
      mood = next;
      for (const goOn of held.splice(0)) goOn();
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
