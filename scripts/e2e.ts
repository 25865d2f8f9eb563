/**
 * `npm run e2e [-- NAMESPACE]`: the end-to-end suite against the release that the chart installed in a namespace
 * (default `talaria`) of the cluster that KUBECONFIG names. It makes Agents, Routes and CronJobs there and removes them.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';

const kubeconfig = process.env.KUBECONFIG;
if (!kubeconfig) {
  process.stderr.write('set KUBECONFIG to the kubeconfig of the cluster to test, which has the chart installed\n');
  process.exit(2);
}
const vitest = path.join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs');
const child = spawn(process.execPath, [vitest, 'run', '--project', 'release'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    TALARIA_E2E_KUBECONFIG: path.resolve(kubeconfig),
    TALARIA_E2E_NAMESPACE: process.argv[2] ?? 'talaria',
  },
});
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
