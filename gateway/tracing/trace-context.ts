import type { TraceContext, Tracing } from './tracing.ts';

/** Reads a `traceparent` header (W3C Trace Context); undefined when there is none or it is none. */
export function parseTraceparent(header: string | readonly string[] | undefined): TraceContext | undefined {
  if (typeof header !== 'string' || header.length > longestHeader) return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', rest = ''] = pattern.exec(header) ?? [];
  if (traceId === '' || version === 'ff' || (version === '00' && rest !== '')) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const longestHeader = 512;

/** The `traceparent` of a place in a trace. */
export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/**
 * Where the trace of a run begins that no request asked for: its ids are made of the run's own (UUID), so that every
 * replica knows them, whenever it has to do with the run or with what it sent.
 */
export function traceOfRun(run: string): Pick<TraceContext, 'traceId' | 'spanId'> {
  const hex = run.replaceAll('-', '');
  return { traceId: hex, spanId: hex.slice(16) };
}

/** The place in a trace to which what a run does belongs: of the request that asked for it, as it is stored, or the run's own. */
export function contextOfRun(tracing: Tracing, run: string, stored: string | undefined): TraceContext {
  const own = traceOfRun(run);
  return parseTraceparent(stored) ?? { ...own, sampled: tracing.samples(own.traceId) };
}
