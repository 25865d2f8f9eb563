/** `npm test`: every check and every test of the project; the last line says what ran. Exits 1 when anything failed. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const checks: readonly (readonly [string, string, readonly string[]])[] = [
  ['formatting and lint', 'biome', ['ci', '--error-on-warnings', '.']],
  ['types', 'tsc', ['--noEmit', '-p', '.']],
  ['dead code', 'knip', []],
  ['generated files up to date', 'node', ['crds/generate.ts', '--check']],
];

let passed = 0;
let failed = 0;

for (const [title, command, args] of checks) {
  const ok = (await run(command, args)) === 0;
  if (ok) passed += 1;
  else failed += 1;
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${title}\n`);
}

const folder = await mkdtemp(path.join(tmpdir(), 'talaria-test-'));
const report = path.join(folder, 'report.json');
const exit = await run('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]);
const tests = await readReport(report);
await rm(folder, { recursive: true, force: true });
passed += tests.passed;
failed += tests.failed;
if (exit !== 0 && tests.failed === 0) failed += 1;

process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** Runs a command of the project's own packages with its output shown; gives its exit code. */
function run(command: string, args: readonly string[]): Promise<number> {
  const bin = path.join(import.meta.dirname, '..', 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` };
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', env });
    child.on('error', (error) => {
      process.stderr.write(`${command} did not start: ${error.message}. Run npm ci first.\n`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Counts of vitest's JSON report. A test that did not run counts as failed; so does a file that could not be loaded. */
async function readReport(file: string): Promise<{ passed: number; failed: number }> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return { passed: 0, failed: 1 };
  const result = JSON.parse(text) as VitestReport;
  const brokenFiles = result.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0).length;
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + result.numPendingTests + result.numTodoTests + brokenFiles,
  };
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}
