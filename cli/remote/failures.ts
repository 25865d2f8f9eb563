import { KubeError } from '../../core/kube/kube-error.ts';

/** What these commands exit with. The page on the command line documents it. */
export const exitCodes = { done: 0, refused: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

/** A gateway refused; `message` is in its own words. */
export class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A gateway did not answer, or what answered is none. */
export class GatewayUnreachable extends Error {
  override readonly name = 'GatewayUnreachable';

  constructor(url: string, reason: string) {
    super(`no gateway answers at ${url}: ${reason}`);
  }
}

/** No gateway is known, or what is known of it leads to none. `message` says what to do. */
export class NoGateway extends Error {
  override readonly name = 'NoGateway';
}

/** What is asked for cannot be done, for a reason that is not the gateway's; `message` has the cure. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Something was asked in a way that cannot be understood; `message` says how it is. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage';
}

/** What stands in the way and what to do about it, in one line, and the exit code. */
export function explainFailure(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof GatewayRefusal) {
    const cure = cures[error.code];
    const text = cure === undefined ? error.message : `${error.message.split('. ')[0]?.replace(/\.$/, '')}. ${cure}`;
    return { text: `${text} (${error.code})`, exitCode: exitCodes.refused };
  }
  if (error instanceof GatewayUnreachable) {
    return { text: `${error.message}. ${unreachableCure}`, exitCode: exitCodes.unreachable };
  }
  if (error instanceof KubeError) return ofCluster(error);
  if (error instanceof WrongUsage) return { text: error.message, exitCode: exitCodes.usage };
  const exitCode = error instanceof Refused ? exitCodes.refused : exitCodes.unreachable;
  return { text: error instanceof Error ? error.message : String(error), exitCode };
}

function ofCluster({ status, reason, message }: KubeError): { readonly text: string; readonly exitCode: number } {
  if (reason === 'NoCluster') {
    return { text: `${message}. Say which cluster with --kubeconfig and --context.`, exitCode: exitCodes.unreachable };
  }
  if (status === 0 || status >= 500) {
    const cure = 'See whether kubectl reaches it, or give --gateway URL.';
    return { text: `the cluster does not answer: ${message}. ${cure}`, exitCode: exitCodes.unreachable };
  }
  const cure = clusterCures[status];
  const text = `the cluster refused: ${message}`;
  return { text: cure === undefined ? text : `${text}. ${cure}`, exitCode: exitCodes.refused };
}

const clusterCures: Readonly<Record<number, string>> = {
  401: 'Log in to the cluster again, or choose another --context.',
  403: 'Your account needs more rights in that namespace; "kubectl auth can-i" tells which it has.',
  404: 'See whether the CustomResourceDefinitions of Talaria are installed: kubectl get crd agents.talaria.dev',
};

const unreachableCure = 'Say where one is with --gateway, or see whether it runs.';

/** In place of what the gateway says to those who speak HTTP. */
const cures: Readonly<Record<string, string>> = {
  job_not_found: '"talaria jobs list" lists those that are.',
  run_not_found: '"talaria runs list" lists those that are.',
  agent_served: 'Delete it first, or give --while-served.',
  model_not_found: '"talaria agents list" lists those that are.',
  session_not_found: '"talaria sessions list" lists those that are.',
  session_busy: 'Wait for the run of it that is open, or stop that with "talaria runs stop".',
  delivery_not_found: '"talaria deliveries list" lists those that are.',
  invalid_key: 'Give a key with --key or TALARIA_API_KEY.',
};
