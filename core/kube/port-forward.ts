import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { PortForward } from '@kubernetes/client-node';
import type { KubeConfigChoice } from './credentials.ts';
import { loadKubeConfig } from './kube-config.ts';
import { KubeError } from './kube-error.ts';

/** A port of a pod. */
export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** A port of 127.0.0.1 whose connections end in a pod. */
export interface Forwarded {
  readonly port: number;
  /** Why the newest connection was not made; undefined while all goes well. */
  readonly failure: () => string | undefined;
  /** Breaks what is open. */
  readonly close: () => Promise<void>;
}

/**
 * Forwards a port of a pod to a free one of this machine through the API server, as `kubectl port-forward` does: one
 * WebSocket for each connection. It needs the right to create `pods/portforward`.
 */
export async function forwardPort(choice: KubeConfigChoice, target: PodPort): Promise<Forwarded> {
  const forward = new PortForward(loadKubeConfig(choice.kubeconfig, choice.context));
  const sockets = new Set<Socket>();
  let failure: string | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    connect(forward, target, socket, (reason) => {
      failure = reason;
    }).catch((error: unknown) => {
      failure = reasonOf(error);
      socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening').catch((cause: unknown) => {
    throw new KubeError({ status: 0, reason: 'Connection', message: 'no port of 127.0.0.1 can be opened', cause });
  });
  return {
    port: (server.address() as AddressInfo).port,
    failure: () => failure,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

async function connect(
  forward: PortForward,
  { namespace, pod, port }: PodPort,
  socket: Socket,
  fail: (reason: string) => void,
): Promise<void> {
  const errors = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      // Every channel begins with the port, of which the library leaves nothing.
      if (chunk.length > 0) {
        fail(chunk.toString().trim());
        socket.destroy();
      }
      done();
    },
  });
  const opened = await forward.portForward(namespace, pod, [port], socket, errors, socket);
  if (typeof opened === 'function') throw new Error('the connection was made for retries');
  socket.once('close', () => opened.close());
  opened.onclose = () => socket.end();
  opened.onerror = () => socket.destroy();
}

/** A WebSocket that the server refuses ends with an event that holds the error. */
function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  const told = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return typeof told === 'string' ? told : 'the API server refused the connection';
}
