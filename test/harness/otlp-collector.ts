import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { waitFor } from './wait-for.ts';

/** A span as it came over the wire. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** '' for the first of a trace. */
  readonly parentSpanId: string;
  /** As OTLP numbers them: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
  readonly nanoseconds: bigint;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A collector that speaks OTLP over HTTP, in JSON. */
export interface OtlpCollector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** The bodies as they came. */
  readonly bodies: readonly string[];
  readonly headers: () => IncomingHttpHeaders | undefined;
  /** `refuse`: 400, which no exporter repeats. `hang`: no answer. */
  readonly behave: (as: 'take' | 'refuse' | 'hang') => void;
  /** Waits until there is a span for each of these names, and gives them in that order. */
  readonly named: (...names: readonly string[]) => Promise<readonly ReceivedSpan[]>;
  readonly stop: () => Promise<void>;
}

/** Starts one on loopback. It refuses, and remembers in `spans` nothing of, what is not of the format. */
export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  let headers: IncomingHttpHeaders | undefined;
  let behaviour: 'take' | 'refuse' | 'hang' = 'take';
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    headers = request.headers;
    if (behaviour === 'hang') return;
    const right =
      request.method === 'POST' && request.url === '/v1/traces' && headers['content-type'] === 'application/json';
    if (behaviour === 'refuse' || !right) return response.writeHead(400).end('{}');
    bodies.push(body);
    spans.push(...read(JSON.parse(body)));
    return response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    headers: () => headers,
    behave: (as) => {
      behaviour = as;
    },
    named: async (...names) => {
      const find = () => names.map((name) => spans.find((span) => span.name === name));
      await waitFor(`the spans ${names.join(', ')}`, () => find().every((span) => span !== undefined));
      return find().flatMap((span) => (span === undefined ? [] : [span]));
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text;
}

/** The JSON form of ExportTraceServiceRequest: ids in hex, 64-bit numbers as text. Throws on anything else. */
function read(body: ExportRequest): readonly ReceivedSpan[] {
  return body.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) => {
      if (scope.name === '') throw new Error('a scope without a name');
      return spans.map((span) => {
        if (!/^[0-9a-f]{32}$/.test(span.traceId) || !/^[0-9a-f]{16}$/.test(span.spanId)) throw new Error('a bad id');
        return {
          name: span.name,
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId ?? '',
          kind: span.kind,
          attributes: attributesOf(span.attributes),
          failed: span.status?.code === 2,
          nanoseconds: BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano),
          resource: attributesOf(resource.attributes),
        };
      });
    }),
  );
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly WireSpan[] }[];
  }[];
}

interface WireSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status?: { readonly code?: number };
}

interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
}

function attributesOf(list: readonly KeyValue[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(list.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(plainValue);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.doubleValue ?? value.boolValue;
}
