/** How traces are sent and which ones. */
export interface TracingSettings {
  /** The whole URL that takes spans. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sampler: Sampler;
  /** Attributes of the process: `service.name` and what else identifies it. */
  readonly resource: Readonly<Record<string, string>>;
}

/** Which traces are recorded. `parentBased`: where a caller has decided, its decision holds. */
export interface Sampler {
  readonly parentBased: boolean;
  /** From 0 to 1. */
  readonly ratio: number;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads the standard variables of OpenTelemetry that a gateway acts on. Undefined without an endpoint, and where they turn
 * tracing off. Adds to `problems` a line for each that is wrong, with its cure and without its value.
 */
export function readTracing(variables: Variables, problems: string[]): TracingSettings | undefined {
  const value = (name: string) => variables[name]?.trim() || undefined;
  const ofTraces = (name: string) => value(`OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? value(`OTEL_EXPORTER_OTLP_${name}`);
  const base = value('OTEL_EXPORTER_OTLP_ENDPOINT');
  const own = value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const url = own ?? (base === undefined ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`);
  const off = value('OTEL_SDK_DISABLED') === 'true' || value('OTEL_TRACES_EXPORTER') === 'none';
  if (url === undefined || off) return undefined;
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    problems.push('OTEL_EXPORTER_OTLP_ENDPOINT is no http URL: give the collector, such as http://collector:4318');
  }
  if (!['http/json', 'http/protobuf'].includes(ofTraces('PROTOCOL') ?? 'http/json')) {
    problems.push(
      'OTEL_EXPORTER_OTLP_PROTOCOL is not http/json: give the HTTP port of the collector (4318) and leave it out',
    );
  }
  return {
    url,
    headers: { ...pairs(value('OTEL_EXPORTER_OTLP_HEADERS')), ...pairs(value('OTEL_EXPORTER_OTLP_TRACES_HEADERS')) },
    sampler: readSampler(value('OTEL_TRACES_SAMPLER'), value('OTEL_TRACES_SAMPLER_ARG'), problems),
    resource: {
      ...pairs(value('OTEL_RESOURCE_ATTRIBUTES')),
      ...(value('OTEL_SERVICE_NAME') === undefined ? {} : { 'service.name': value('OTEL_SERVICE_NAME') ?? '' }),
    },
  };
}

/** The names of the OpenTelemetry specification; by default everything that a caller did not decide against. */
function readSampler(name = 'parentbased_always_on', argument = '1', problems: string[]): Sampler {
  const [, parent, kind] = /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(name) ?? [];
  if (kind === undefined) {
    problems.push('OTEL_TRACES_SAMPLER is none of always_on, always_off, traceidratio, each also as parentbased_...');
  }
  const share = Number(argument);
  if (kind === 'traceidratio' && !(share >= 0 && share <= 1)) {
    problems.push('OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1, such as 0.1');
  }
  const ratio = kind === 'always_on' ? 1 : kind === 'traceidratio' ? share : 0;
  return { parentBased: parent !== undefined, ratio };
}

/** `a=1,b=2`, with values percent-encoded. */
function pairs(list: string | undefined): Readonly<Record<string, string>> {
  const found = (list ?? '').split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at <= 0 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())] as const];
  });
  return Object.fromEntries(found);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
