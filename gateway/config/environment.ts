import { readTracing, type TracingSettings } from '../tracing/settings.ts';

/** What the process is told from outside, read and checked. */
export interface GatewayEnvironment {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string | undefined;
  readonly databaseUrl: string;
  readonly databaseDirectUrl: string;
  readonly logLevel: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Holds what must survive a restart while the API server or the database is away. */
  readonly stateDir: string | undefined;
  /** Where the homes of the agents are; absent: none is rendered. */
  readonly homesDir: string | undefined;
  /** Where the credentials are mounted. */
  readonly credentialsDir: string | undefined;
  /** Absent: the pod's own ServiceAccount. */
  readonly kubeconfig: string | undefined;
  /** Absent: nothing is traced. */
  readonly tracing: TracingSettings | undefined;
}

/** Something is missing or malformed; one line per variable, each with its cure and without its value. */
export class BadEnvironment extends Error {
  override readonly name = 'BadEnvironment';
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the variables of a gateway process. Throws BadEnvironment that names every one that is wrong. */
export function readEnvironment(variables: Variables): GatewayEnvironment {
  const problems: string[] = [];
  const optional = (name: string) => variables[name] || undefined;
  const required = (name: string, cure: string) => {
    const value = optional(name);
    if (value === undefined) problems.push(`${name} is not set: ${cure}`);
    return value ?? '';
  };
  const databaseUrl = required('DATABASE_URL', 'give the PostgreSQL to use, as postgres://user:password@host/database');
  const environment = {
    namespace: required('TALARIA_NAMESPACE', 'give the namespace whose snapshot is served'),
    podName: required('POD_NAME', 'give a name that no other replica has'),
    podUid: optional('POD_UID'),
    databaseUrl,
    databaseDirectUrl: optional('DATABASE_DIRECT_URL') ?? databaseUrl,
    logLevel: optional('TALARIA_LOG_LEVEL') ?? 'info',
    listen: parseListen(optional('TALARIA_LISTEN') ?? '0.0.0.0:8080'),
    stateDir: optional('TALARIA_STATE_DIR'),
    homesDir: optional('TALARIA_HOMES_DIR'),
    credentialsDir: optional('TALARIA_CREDENTIALS_DIR'),
    kubeconfig: optional('KUBECONFIG'),
    tracing: readTracing(variables, problems),
  };
  for (const name of ['DATABASE_URL', 'DATABASE_DIRECT_URL']) {
    const url = optional(name);
    if (url !== undefined && !isPostgresUrl(url)) problems.push(`${name} is not a URL that begins with postgres://`);
  }
  if (!logLevels.includes(environment.logLevel)) problems.push(`TALARIA_LOG_LEVEL is none of ${logLevels.join(', ')}`);
  if (environment.listen === undefined) problems.push('TALARIA_LISTEN is not host:port, such as 0.0.0.0:8080');
  if (environment.kubeconfig === undefined && optional('KUBERNETES_SERVICE_HOST') === undefined) {
    problems.push('KUBECONFIG is not set: outside a cluster give the path of a kubeconfig file');
  }
  if (problems.length > 0) throw new BadEnvironment(problems.join('\n'));
  return { ...environment, listen: environment.listen ?? { host: '', port: 0 } };
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

function parseListen(text: string): GatewayEnvironment['listen'] | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]]+):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) return undefined;
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? '');
}
