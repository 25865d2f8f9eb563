import { randomBytes } from 'node:crypto';
import { kubectl } from './kubectl.ts';

/** A namespace of one test. */
export interface TestNamespace {
  readonly name: string;
  /** Runs kubectl in the namespace. */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
  /** `kubectl apply` of manifests (YAML, or objects sent as JSON). */
  readonly apply: (manifests: string | readonly object[]) => Promise<string>;
}

/**
 * Makes a fresh namespace. It is not removed: nothing on the test API server would empty it, and the server goes with
 * the run.
 */
export async function createNamespace(kubeconfig: string): Promise<TestNamespace> {
  const name = `test-${randomBytes(5).toString('hex')}`;
  await kubectl(kubeconfig, ['create', 'namespace', name]);
  const inNamespace = (args: readonly string[], input?: string) =>
    kubectl(kubeconfig, ['--namespace', name, ...args], input);
  return {
    name,
    kubectl: inNamespace,
    apply: (manifests) =>
      inNamespace(['apply', '-f', '-'], typeof manifests === 'string' ? manifests : list(manifests)),
  };
}

function list(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
