import type { Span as ApiSpan, Context, Tracer } from '@opentelemetry/api';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../../core/lib/log.ts';
import type { TracingSettings } from './settings.ts';
import { createSpanQueue, type DropReason, dropReasons } from './span-queue.ts';
import type { Attributes, Span, SpanStart, TraceContext, Tracing } from './tracing.ts';

export interface OpenTracingOptions {
  /** What identifies the process, where the settings do not say it. */
  readonly resource: Readonly<Record<string, string>>;
  readonly registry: Registry;
  readonly log: Logger;
}

/**
 * Loads OpenTelemetry and makes Tracing that sends spans by OTLP over HTTP, in JSON. Only where tracing is on is any of its
 * packages loaded. The collector may be away for as long as it wants.
 */
export async function openTracing(settings: TracingSettings, options: OpenTracingOptions): Promise<Tracing> {
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const { url, headers, sampler } = settings;
  const queue = createSpanQueue({
    exporter: new OTLPTraceExporter({ url, headers, timeoutMillis: exportTimeoutMs }),
    ...addTracingMetrics(options.registry),
    log: options.log,
  });
  const ratio = new sdk.TraceIdRatioBasedSampler(sampler.ratio);
  const random = new sdk.RandomIdGenerator();
  /** For the next span alone, which is started right after it is set. */
  let given: Pick<TraceContext, 'traceId' | 'spanId'> | undefined;
  const provider = new sdk.TracerProvider({
    sampler: sampler.parentBased ? new sdk.ParentBasedSampler({ root: ratio }) : ratio,
    idGenerator: {
      generateTraceId: () => given?.traceId ?? random.generateTraceId(),
      generateSpanId: () => given?.spanId ?? random.generateSpanId(),
    },
    spanLimits: { attributeCountLimit: 64, attributeValueLengthLimit: 256 },
    resource: resourceFromAttributes({ ...options.resource, ...settings.resource }),
    spanProcessors: [queue],
  });
  const tracer = provider.getTracer('talaria');
  const start = createStarter(api, tracer);
  return {
    continue: (parent, begun) => {
      const { traceId, spanId, sampled } = parent;
      const remote = { traceId, spanId, traceFlags: sampled ? 1 : 0, isRemote: true };
      return start(api.trace.setSpanContext(api.ROOT_CONTEXT, remote), begun);
    },
    begin: (begun, ids) => {
      given = ids;
      try {
        return start(api.ROOT_CONTEXT, begun);
      } finally {
        given = undefined;
      }
    },
    samples: (traceId) => ratio.shouldSample(api.ROOT_CONTEXT, traceId).decision === recorded,
    stop: queue.drain,
  };
}

const exportTimeoutMs = 10_000;
/** SamplingDecision.RECORD_AND_SAMPLED. */
const recorded = 2;

/** Adds the metrics of tracing itself to a registry. */
export function addTracingMetrics(registry: Registry): {
  readonly exported: (count: number) => void;
  readonly dropped: (reason: DropReason, count: number) => void;
} {
  const registers = [registry];
  const exported = new Counter({
    name: 'talaria_trace_spans_exported_total',
    help: 'Spans that the collector took.',
    registers,
  });
  const dropped = new Counter({
    name: 'talaria_trace_spans_dropped_total',
    help: 'Spans that were lost: too many waited (full), the collector did not take them (failed), or the process ended (stopped).',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of dropReasons) dropped.inc({ reason }, 0);
  return {
    exported: (count) => exported.inc(count),
    dropped: (reason, count) => dropped.inc({ reason }, count),
  };
}

type Api = typeof import('@opentelemetry/api');

function createStarter(api: Api, tracer: Tracer): (parent: Context, begun: SpanStart) => Span {
  const kinds = {
    server: api.SpanKind.SERVER,
    client: api.SpanKind.CLIENT,
    internal: api.SpanKind.INTERNAL,
    consumer: api.SpanKind.CONSUMER,
    producer: api.SpanKind.PRODUCER,
  };
  const wrap = (span: ApiSpan): Span => {
    const { traceId, spanId, traceFlags } = span.spanContext();
    let ended = false;
    return {
      context: { traceId, spanId, sampled: (traceFlags & 1) === 1 },
      child: (begun) => start(api.trace.setSpan(api.ROOT_CONTEXT, span), begun),
      set: (attributes) => span.setAttributes(present(attributes)),
      end: (error) => {
        if (ended) return;
        ended = true;
        if (error !== undefined) {
          span.setAttribute('error.type', error);
          span.setStatus({ code: api.SpanStatusCode.ERROR });
        }
        span.end();
      },
    };
  };
  const start = (parent: Context, { name, kind, attributes = {}, startedAt }: SpanStart): Span =>
    wrap(
      tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          attributes: present(attributes),
          ...(startedAt === undefined ? {} : { startTime: startedAt }),
        },
        parent,
      ),
    );
  return start;
}

function present(attributes: Attributes): Record<string, string | number | boolean | string[]> {
  const found: Record<string, string | number | boolean | string[]> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    found[name] = typeof value === 'object' ? [...value] : value;
  }
  return found;
}
