import { defineConfig } from 'vitest/config';

/**
 * `unit` needs nothing but Node; `servers` runs against a real kube-apiserver, etcd and PostgreSQL that its global setup
 * starts; `release` against a whole Talaria: processes of this machine, or what a chart installed elsewhere.
 */
export default defineConfig({
  test: {
    pool: 'forks',
    // Stopping a whole cluster takes longer than the default.
    teardownTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000 },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: ['test/servers/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/disruptive/**/*.test.ts'],
          globalSetup: ['test/harness/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: 'release',
          include: ['test/release/**/*.test.ts'],
          globalSetup: ['test/harness/release-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
