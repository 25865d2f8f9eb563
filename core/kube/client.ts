import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../lib/clock.ts';
import { isObject } from '../lib/is-object.ts';
import { createCredentialSource } from './credentials.ts';
import { hasStatus, KubeError } from './kube-error.ts';
import { microTime } from './micro-time.ts';
import { apiVersionOf, events, namespaces, resourcePath } from './resources.ts';
import { createTransport, type TransportRequest } from './transport.ts';
import type {
  ApplyOptions,
  EventFields,
  KubeClient,
  KubeList,
  KubeObject,
  KubeResource,
  ListOptions,
  RawRequest,
  WatchEvent,
  WatchOptions,
  Written,
} from './types.ts';
import { watchEvents } from './watch-stream.ts';

export interface KubeClientOptions {
  /** Path of a kubeconfig file, or several as in `KUBECONFIG`; absent: the pod's own ServiceAccount. */
  readonly kubeconfig?: string | undefined;
  /** A context of the kubeconfig. Default: its current one. */
  readonly context?: string | undefined;
  /** Default: the kubeconfig context's or the pod's namespace, else `default`. */
  readonly namespace?: string | undefined;
  /** Owner of every field that `apply` and `applyStatus` write, and the reporter of events. */
  readonly fieldManager: string;
  /** Which process reports events: the pod's name. Default: the field manager. */
  readonly instance?: string | undefined;
  /** Limit for one call, from its start to the last byte of its answer. Default 10 s. */
  readonly deadlineMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

const pageSize = 500;
const maxNoteChars = 1024;

/** A client for one namespace of one API server. Nothing is sent before the first call. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const clock = options.clock ?? systemClock;
  const source = createCredentialSource(options, clock.monotonic);
  const transport = createTransport(source);
  const namespace = options.namespace ?? source.namespace ?? 'default';

  const withDeadline = (request: RawRequest): TransportRequest => ({
    ...request,
    deadlineMs: request.deadlineMs ?? options.deadlineMs ?? 10_000,
  });
  const send = (request: RawRequest): Promise<unknown> => transport.send(withDeadline(request));

  const write = async <T extends KubeObject>(
    method: 'POST' | 'PUT' | 'PATCH',
    resource: KubeResource<T>,
    object: Written<T>,
    target: { readonly name?: string; readonly subresource?: string },
    { fieldManager = options.fieldManager, ...call }: ApplyOptions = {},
  ): Promise<T> => {
    const apply = method === 'PATCH';
    const answer = await send({
      ...call,
      method,
      path: resourcePath(resource, namespace, target.name, target.subresource),
      query: { fieldManager, ...(apply ? { force: true } : { fieldValidation: 'Strict' }) },
      contentType: apply ? 'application/apply-patch+yaml' : undefined,
      body: { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind },
    });
    return asObject<T>(answer);
  };

  const get: KubeClient['get'] = async (resource, name, call = {}) => {
    try {
      return asObject(await send({ ...call, method: 'GET', path: resourcePath(resource, namespace, name) }));
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  };

  return {
    namespace,
    get,
    list: (resource, list = {}) => listAll(send, resourcePath(resource, namespace), list),
    watch: <T extends KubeObject>(resource: KubeResource<T>, watch: WatchOptions) =>
      watchFrom<T>(
        (request) => transport.open(withDeadline(request), watch.silenceMs),
        resourcePath(resource, namespace),
        watch,
      ),
    apply: (resource, object, call) => write('PATCH', resource, object, { name: object.metadata.name }, call),
    applyStatus: (resource, object, call) =>
      write('PATCH', resource, object, { name: object.metadata.name, subresource: 'status' }, call),
    create: (resource, object, call) => write('POST', resource, object, {}, call),
    replace: (resource, object, call) => write('PUT', resource, object, { name: object.metadata.name }, call),
    delete: async (resource, name, { uid, resourceVersion, ...call } = {}) => {
      const body = { propagationPolicy: 'Background', preconditions: { uid, resourceVersion } };
      try {
        await send({ ...call, method: 'DELETE', path: resourcePath(resource, namespace, name), body });
        return true;
      } catch (error) {
        if (hasStatus(error, 404)) return false;
        throw error;
      }
    },
    createEvent: async (event) => {
      const { fieldManager, instance = fieldManager } = options;
      const reporter = { controller: fieldManager, instance };
      const body = eventBody(event, namespace, reporter, clock.now());
      await write('POST', events, body, {}).catch((error: unknown) => {
        if (event.key === undefined || !hasStatus(error, 409)) throw error;
      });
    },
    namespaceUid: async () => {
      const uid = (await get(namespaces, namespace))?.metadata.uid;
      if (uid !== undefined) return uid;
      throw new KubeError({ status: 404, reason: 'NotFound', message: `the namespace ${namespace} does not exist` });
    },
    request: send,
    close: transport.close,
  };
}

interface ListPage<T extends KubeObject> {
  readonly items?: readonly T[] | null;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

async function listAll<T extends KubeObject>(
  send: (request: RawRequest) => Promise<unknown>,
  path: string,
  { labelSelector, fieldSelector, resourceVersion, keep, ...call }: ListOptions<T>,
): Promise<KubeList<T>> {
  const items: T[] = [];
  const exact = resourceVersion === undefined ? {} : { resourceVersion, resourceVersionMatch: 'Exact' };
  let token: string | undefined;
  for (;;) {
    // A continue token carries the version itself, and the server refuses to be told it twice.
    const from = token === undefined ? exact : { continue: token };
    const query = { limit: pageSize, labelSelector, fieldSelector, ...from };
    const page = asPage<T>(await send({ ...call, method: 'GET', path, query }));
    for (const item of page.items ?? []) items.push(keep === undefined ? item : keep(item));
    token = page.metadata?.continue;
    if (token === undefined || token === '') return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
  }
}

async function* watchFrom<T extends KubeObject>(
  open: (request: RawRequest) => Promise<AsyncIterable<Uint8Array>>,
  path: string,
  watch: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const { resourceVersion, timeoutSeconds, labelSelector, fieldSelector, signal } = watch;
  const query = {
    watch: true,
    allowWatchBookmarks: true,
    resourceVersion,
    timeoutSeconds,
    labelSelector,
    fieldSelector,
  };
  yield* watchEvents<T>(await open({ method: 'GET', path, query, signal }));
}

function eventBody(
  event: EventFields,
  namespace: string,
  reporter: { readonly controller: string; readonly instance: string },
  nowMs: number,
): KubeObject & Record<string, unknown> {
  return {
    metadata: {
      name: `${event.regarding.name.slice(0, 200)}.${event.key ?? randomBytes(8).toString('hex')}`,
      namespace,
    },
    eventTime: microTime(nowMs),
    reportingController: reporter.controller,
    reportingInstance: reporter.instance,
    regarding: { ...event.regarding, namespace },
    type: event.type,
    reason: event.reason,
    action: event.action,
    note: event.note.slice(0, maxNoteChars),
  };
}

/** The API server has validated what it sends; a decoded answer is taken as the type that was asked for. */
function asObject<T extends KubeObject>(answer: unknown): T {
  if (isObject(answer) && isObject(answer.metadata)) return answer as unknown as T;
  throw new KubeError({ status: 0, reason: 'BadAnswer', message: 'the API server sent something that is no object' });
}

function asPage<T extends KubeObject>(answer: unknown): ListPage<T> {
  if (isObject(answer) && isObject(answer.metadata)) return answer;
  throw new KubeError({ status: 0, reason: 'BadAnswer', message: 'the API server sent something that is no list' });
}
