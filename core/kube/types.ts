/** Who set which fields of an object; `subresource` is '' or absent but for those of its status and the like. */
export interface ManagedFields {
  readonly manager?: string;
  readonly subresource?: string;
  /** RFC 3339 */
  readonly time?: string;
}

/** What Kubernetes keeps about every object. */
export interface KubeMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  /** Not of an object in the copy of a reflector: only its `trim` sees them. */
  readonly managedFields?: readonly ManagedFields[];
  /** Ours: what a copy keeps of them. */
  readonly fieldManagers?: readonly string[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Any object of the API, as the JSON that the API server sent. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: KubeMetadata;
}

/** What to write: the server fills in the rest. A `resourceVersion` in it makes the write conditional (409 when it moved). */
export type Written<T extends KubeObject> = Omit<T, 'apiVersion' | 'kind'>;

/** One kind of object and where its requests go. Made by `kubeResource`; the usual ones are in resources.ts. */
export interface KubeResource<T extends KubeObject = KubeObject> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set: carries the type of the objects. */
  readonly objectType?: T;
}

/** One page-complete list. `resourceVersion` is where a watch goes on. */
export interface KubeList<T extends KubeObject> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

/** One event of a watch. An ERROR of the stream is thrown as a KubeError instead (410 when the version has expired). */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly object: T }
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

/** Narrows a list or watch; both are the server's own selector syntax. */
export interface Selection {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** `signal` ends the call early; `deadlineMs` replaces the client's own deadline for this call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
}

export interface ListOptions<T extends KubeObject = KubeObject> extends Selection, CallOptions {
  /** The state at exactly this version (KubeError 410 when it is too old); absent: the newest. */
  readonly resourceVersion?: string | undefined;
  /** What to keep of an object, asked page by page: thousands of whole objects at once are far more than what is kept of them. */
  readonly keep?: ((object: T) => T) | undefined;
}

export interface WatchOptions extends Selection {
  /** From a list; events after it are delivered. */
  readonly resourceVersion: string;
  /** The server closes the stream after this long. */
  readonly timeoutSeconds: number;
  /** Ends the watch with an error when nothing at all arrives for this long: a half-open connection. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

export interface ApplyOptions extends CallOptions {
  readonly fieldManager?: string | undefined;
}

export interface DeleteOptions extends CallOptions {
  /** The object is deleted only while these hold; otherwise KubeError 409. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface EventFields {
  /** The object it is about; it needs apiVersion, kind, name and uid. */
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, machine readable. */
  readonly reason: string;
  /** UpperCamelCase: what the reporter was doing. */
  readonly action: string;
  /** For people, cut at 1,024 characters. Never a secret. */
  readonly note: string;
  /** Part of a name. An Event about the same object with the same key is written once, for as long as it is kept. */
  readonly key?: string | undefined;
}

export interface RawRequest extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path with encoded segments, without a query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string | undefined;
}

/**
 * Requests to one API server, in one namespace, over one kept connection pool. Every call has a deadline; every failure
 * is a KubeError. Objects go out and come back as plain JSON, so nothing is dropped on the way.
 */
export interface KubeClient {
  readonly namespace: string;
  /** undefined when it does not exist. */
  readonly get: <T extends KubeObject>(
    resource: KubeResource<T>,
    name: string,
    options?: CallOptions,
  ) => Promise<T | undefined>;
  /** All pages, 500 objects each. */
  readonly list: <T extends KubeObject>(resource: KubeResource<T>, options?: ListOptions<T>) => Promise<KubeList<T>>;
  /** Events until the server closes the stream (the iteration ends) or it breaks (the iteration throws). */
  readonly watch: <T extends KubeObject>(
    resource: KubeResource<T>,
    options: WatchOptions,
  ) => AsyncIterable<WatchEvent<T>>;
  /**
   * Server-side apply under this client's field manager or the one that is given, with force. An equal apply changes
   * nothing on the server. Give the `resourceVersion` that was read to be sure that nothing is created.
   */
  readonly apply: <T extends KubeObject>(
    resource: KubeResource<T>,
    object: Written<T>,
    options?: ApplyOptions,
  ) => Promise<T>;
  /** Server-side apply of the status alone; 404 when the object is gone. */
  readonly applyStatus: <T extends KubeObject>(
    resource: KubeResource<T>,
    object: Written<T>,
    options?: CallOptions,
  ) => Promise<T>;
  /** 409 AlreadyExists when the name is taken. */
  readonly create: <T extends KubeObject>(
    resource: KubeResource<T>,
    object: Written<T>,
    options?: CallOptions,
  ) => Promise<T>;
  /** Writes the whole object. Give the `resourceVersion` that was read: 409 Conflict when it moved. */
  readonly replace: <T extends KubeObject>(
    resource: KubeResource<T>,
    object: Written<T>,
    options?: CallOptions,
  ) => Promise<T>;
  /** False when it did not exist. */
  readonly delete: (resource: KubeResource, name: string, options?: DeleteOptions) => Promise<boolean>;
  /** Writes one Event (events.k8s.io/v1) into this namespace. */
  readonly createEvent: (event: EventFields) => Promise<void>;
  /** The uid of this client's namespace: the identity of an installation. */
  readonly namespaceUid: () => Promise<string>;
  /** Any other request, such as `/openapi/v3` or a subresource. Gives the decoded JSON of a 2xx answer. */
  readonly request: (request: RawRequest) => Promise<unknown>;
  /** Ends open calls and closes the connections. */
  readonly close: () => Promise<void>;
}
