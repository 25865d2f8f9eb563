import { z } from 'zod';

/**
 * The kinds that the chart makes for others' controllers, which the test API server does not know: of each what its public
 * reference says of the fields that a chart may use, and nothing more, so that a misspelt field is found.
 */
export const foreignKinds: Readonly<Record<string, z.ZodType>> = {
  // https://gateway-api.sigs.k8s.io/reference/spec/#httproute
  HTTPRoute: object('gateway.networking.k8s.io/v1', 'HTTPRoute', () =>
    z.strictObject({
      parentRefs: z
        .array(
          z.strictObject({
            group: z.string().optional(),
            kind: z.string().min(1).max(63).optional(),
            namespace: z.string().min(1).max(63).optional(),
            name: z.string().min(1).max(253),
            sectionName: z.string().min(1).max(253).optional(),
            port: portNumber.optional(),
          }),
        )
        .min(1)
        .max(32),
      hostnames: z
        .array(z.string().regex(/^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/))
        .max(16)
        .optional(),
      rules: z
        .array(
          z.strictObject({
            matches: z
              .array(
                z.strictObject({
                  path: z.strictObject({
                    type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']),
                    value: z
                      .string()
                      .max(1024)
                      .regex(/^\/(?!.*(\/\/|\/\.\.?(\/|$)|%2[fF]|#))/),
                  }),
                }),
              )
              .min(1)
              .max(64),
            backendRefs: z.array(z.strictObject({ name: z.string(), port: portNumber })).max(16),
            timeouts: z
              .strictObject({ request: gatewayDuration, backendRequest: gatewayDuration })
              .partial()
              .optional(),
          }),
        )
        .min(1)
        .max(16),
    }),
  ),
  // https://prometheus-operator.dev/docs/api-reference/api/
  ServiceMonitor: object('monitoring.coreos.com/v1', 'ServiceMonitor', () =>
    z.strictObject({ selector: labelSelector, endpoints: z.array(scrapedEndpoint).min(1) }),
  ),
  PodMonitor: object('monitoring.coreos.com/v1', 'PodMonitor', () =>
    z.strictObject({ selector: labelSelector, podMetricsEndpoints: z.array(scrapedEndpoint).min(1) }),
  ),
  PrometheusRule: object('monitoring.coreos.com/v1', 'PrometheusRule', () =>
    z.strictObject({
      groups: z.array(
        z.strictObject({
          name: z.string().min(1),
          interval: prometheusDuration.optional(),
          limit: z.int().optional(),
          rules: z.array(
            z.strictObject({
              alert: z.string().optional(),
              record: z.string().optional(),
              expr: z.union([z.string().min(1), z.int()]),
              for: prometheusDuration.optional(),
              keep_firing_for: prometheusDuration.optional(),
              labels: z.record(z.string(), z.string()).optional(),
              annotations: z.record(z.string(), z.string()).optional(),
            }),
          ),
        }),
      ),
    }),
  ),
};

const portNumber = z.int().min(1).max(65_535);
/** GEP-2257. */
const gatewayDuration = z.string().regex(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/);
const prometheusDuration = z
  .string()
  .regex(/^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$/);
const labelSelector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z
    .array(
      z.strictObject({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z.array(z.string()).optional(),
      }),
    )
    .optional(),
});
const scrapedEndpoint = z.strictObject({
  port: z.string().min(1),
  path: z.string().startsWith('/'),
  interval: prometheusDuration,
});

function object(apiVersion: string, kind: string, spec: () => z.ZodType): z.ZodType {
  return z.strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal(kind),
    metadata: z.strictObject({
      name: z.string().min(1).max(253),
      labels: z.record(z.string(), z.string().max(63)),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
    spec: z.lazy(spec),
  });
}
