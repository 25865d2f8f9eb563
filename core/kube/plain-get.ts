import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';
import { type Credentials, createCredentialSource, type KubeConfigChoice } from './credentials.ts';
import { KubeError } from './kube-error.ts';

/** An answer of the API server with what is around its body. */
export interface PlainAnswer {
  readonly status: number;
  readonly text: string;
  /** The clock of the API server, Unix milliseconds in whole seconds; undefined when it does not tell. */
  readonly serverTime: number | undefined;
  /** When the server's certificate ends, Unix milliseconds; undefined without TLS. */
  readonly certificateEnds: number | undefined;
}

/** Gets a path as it is, whatever its status. Throws KubeError with status 0 when there is no answer. */
export type PlainGet = (path: string) => Promise<PlainAnswer>;

/**
 * Makes a PlainGet for what a client of JSON cannot do: logs, and what TLS and headers tell of the server. One connection
 * for each call, and no proxy.
 */
export function createPlainGet(choice: KubeConfigChoice, deadlineMs: number): PlainGet {
  const source = createCredentialSource(choice, () => performance.now());
  return async (path) => {
    try {
      const response = await open(await source.current(), path, AbortSignal.timeout(deadlineMs));
      const { socket } = response;
      const certificateEnds =
        socket instanceof TLSSocket ? Date.parse(socket.getPeerCertificate().valid_to) : undefined;
      const serverTime = Date.parse(response.headers.date ?? '');
      return {
        status: response.statusCode ?? 0,
        serverTime: Number.isNaN(serverTime) ? undefined : serverTime,
        certificateEnds,
        text: await text(response),
      };
    } catch (error) {
      if (error instanceof KubeError) throw error;
      const message = `GET ${path}: ${error instanceof Error ? error.message : String(error)}`;
      throw new KubeError({ status: 0, reason: 'Connection', message, cause: error });
    }
  };
}

async function open(
  { server, headers, tls }: Credentials,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const url = new URL(`${server}${path}`);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = url.protocol === 'http:' ? httpRequest : httpsRequest;
  request(url, { ...tls, headers: { ...headers }, agent: false, signal }, resolve)
    .once('error', reject)
    .end();
  return await promise;
}
