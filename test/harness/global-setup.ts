import type { TestProject } from 'vitest/node';
import { helmBinary } from './binaries.ts';
import { startControlPlane } from './control-plane.ts';
import { applyCrds } from './crds.ts';
import { startPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of a kubeconfig with every right on an API server that serves Talaria's CRDs. */
    readonly kubeconfig: string;
    /** URL of the database `postgres`; `createDatabase` makes one per test on its server. */
    readonly postgresUrl: string;
  }
}

/**
 * One API server and one PostgreSQL for all tests of the project `servers`; returns what stops them. What takes minutes
 * on a fresh machine, such as building helm, happens here and not within the time of a test.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [controlPlane, postgres] = await Promise.all([startControlPlane(), startPostgres()]);
  await helmBinary();
  await applyCrds(controlPlane.kubeconfig);
  project.provide('kubeconfig', controlPlane.kubeconfig);
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await Promise.all([controlPlane.stop(), postgres.stop()]);
  };
}
