import { z } from 'zod';

/** How this process runs. */
export interface OperatorConfig {
  readonly namespace: string;
  readonly podName: string;
  readonly logLevel: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Whether Agents may have volumes. */
  readonly agentVolumes: boolean;
  /** Path of a kubeconfig; absent: the pod's own ServiceAccount. */
  readonly kubeconfig: string | undefined;
}

/** A variable of the environment is missing or wrong. The message names it, what was got, and the cure. */
export class EnvironmentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EnvironmentError';
  }
}

/** Reads the environment variables of the operator. Throws EnvironmentError. */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): OperatorConfig {
  const parsed = environmentSchema.safeParse(withoutBlanks(environment));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    const got = environment[name];
    throw new EnvironmentError(`${name} ${issue?.message} (got ${got === undefined ? 'nothing' : `"${got}"`})`);
  }
  const { TALARIA_NAMESPACE, POD_NAME, TALARIA_LOG_LEVEL, TALARIA_LISTEN, TALARIA_AGENT_VOLUMES, KUBECONFIG } =
    parsed.data;
  return {
    namespace: TALARIA_NAMESPACE,
    podName: POD_NAME,
    logLevel: TALARIA_LOG_LEVEL,
    listen: TALARIA_LISTEN,
    agentVolumes: TALARIA_AGENT_VOLUMES === 'true',
    kubeconfig: KUBECONFIG,
  };
}

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const environmentSchema = z.object({
  TALARIA_NAMESPACE: z
    .string('must be set to the namespace that this operator serves')
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a namespace'),
  POD_NAME: z
    .string('must be set to the name of this pod, which identifies it among the candidates for the lease')
    .regex(/^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/, 'must be the name of a pod'),
  TALARIA_LOG_LEVEL: z.enum(levels, `must be one of ${levels.join(', ')}`).default('info'),
  TALARIA_LISTEN: z
    .string()
    .default('0.0.0.0:8081')
    .transform((text, context) => {
      const match = /^(.+):(\d{1,5})$/.exec(text);
      const port = Number(match?.[2]);
      if (match?.[1] !== undefined && port <= 65_535) return { host: match[1].replace(/^\[(.+)\]$/, '$1'), port };
      context.addIssue('must be an address and a port, such as 0.0.0.0:8081');
      return z.NEVER;
    }),
  TALARIA_AGENT_VOLUMES: z.enum(['true', 'false'], 'must be true or false').default('false'),
  KUBECONFIG: z.string().optional(),
});

/** A variable that is set to nothing is not set. */
function withoutBlanks(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const set = Object.entries(environment).filter((entry): entry is [string, string] => (entry[1] ?? '').trim() !== '');
  return Object.fromEntries(set);
}
