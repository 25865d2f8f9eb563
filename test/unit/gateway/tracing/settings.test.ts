import { expect, it } from 'vitest';
import { readTracing } from '../../../../gateway/tracing/settings.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };

const read = (variables: Record<string, string>) => {
  const problems: string[] = [];
  return { settings: readTracing(variables, problems), problems };
};

it('nothing is traced without an endpoint, nor where a variable turns it off', () => {
  for (const off of [{}, { OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }]) {
    const variables = Object.keys(off).length === 0 ? {} : { ...endpoint, ...off };
    expect(read(variables)).toEqual({ settings: undefined, problems: [] });
  }
});

it('an endpoint alone records every trace that no caller decided against', () => {
  expect(read(endpoint).settings).toEqual({
    url: 'http://collector:4318/v1/traces',
    headers: {},
    sampler: { parentBased: true, ratio: 1 },
    resource: {},
  });
});

it('the variables for traces come before the general ones, and values are decoded', () => {
  const { settings } = read({
    ...endpoint,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/in',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-a=1, authorization=Basic%20abc',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-a=2',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=mine,deployment.environment.name=prod',
    OTEL_SERVICE_NAME: 'other',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  });
  expect(settings).toEqual({
    url: 'https://traces.example/in',
    headers: { 'x-a': '2', authorization: 'Basic abc' },
    sampler: { parentBased: true, ratio: 0.25 },
    resource: { 'service.name': 'other', 'deployment.environment.name': 'prod' },
  });
});

it.each([
  ['always_on', undefined, { parentBased: false, ratio: 1 }],
  ['always_off', undefined, { parentBased: false, ratio: 0 }],
  ['traceidratio', '0.5', { parentBased: false, ratio: 0.5 }],
  ['parentbased_always_off', undefined, { parentBased: true, ratio: 0 }],
])('the sampler %s with %s is %o', (name, argument, sampler) => {
  const share = argument === undefined ? {} : { OTEL_TRACES_SAMPLER_ARG: argument };
  expect(read({ ...endpoint, OTEL_TRACES_SAMPLER: name, ...share }).settings?.sampler).toEqual(sampler);
});

it.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT is no http URL'],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL is not http/json'],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: 'jaeger_remote' }, 'OTEL_TRACES_SAMPLER is none of'],
  [
    { ...endpoint, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' },
    'OTEL_TRACES_SAMPLER_ARG is no number',
  ],
])('%o is refused by its name and without its value', (variables, problem) => {
  const { problems } = read(variables);
  expect(problems).toEqual([expect.stringContaining(problem)]);
});
