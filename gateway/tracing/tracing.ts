/** Where a span is. Ids in lower-case hex digits, as W3C Trace Context has them. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether it is recorded. */
  readonly sampled: boolean;
}

/** Facts of a span; what is undefined is left out. Never a prompt, an answer, arguments of a tool, or a secret. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** What a span begins with. */
export interface SpanStart {
  readonly name: string;
  readonly kind: 'server' | 'client' | 'internal' | 'consumer' | 'producer';
  readonly attributes?: Attributes | undefined;
  /** Unix milliseconds; default: now. */
  readonly startedAt?: number | undefined;
}

/** Something that takes time. */
export interface Span {
  readonly context: TraceContext;
  /** A span inside of this one. */
  readonly child: (start: SpanStart) => Span;
  readonly set: (attributes: Attributes) => void;
  /** Ends it, once; later calls do nothing. `error` is a word, such as a code, that says how it failed. */
  readonly end: (error?: string) => void;
}

/** Records spans and sends them away in the background. Nothing here throws or waits. */
export interface Tracing {
  /** A span inside the one of another process, or of this one. */
  readonly continue: (parent: TraceContext, start: SpanStart) => Span;
  /** The first span of a trace, with these ids where they are given. */
  readonly begin: (start: SpanStart, ids?: Pick<TraceContext, 'traceId' | 'spanId'>) => Span;
  /** Whether a trace of this id is recorded when nobody else has decided. */
  readonly samples: (traceId: string) => boolean;
  /** Sends what waits, at most for `budgetMs`; the rest is dropped and counted. */
  readonly stop: (budgetMs: number) => Promise<void>;
}
