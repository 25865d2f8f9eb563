/**
 * `npm run bench [-- NAME... [OPTION...]]`: runs the benchmarks, each in a process of its own, and prints their tables.
 * Options are those of the benchmark; NAME --help prints them.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';

const benchmarks: Readonly<Record<string, string>> = {
  resolve: 'which agent a message gets, at 100, 10,000 and 50,000 rules',
  tick: 'what looking for due jobs costs, and how late a job starts',
  gateway: "the gateway's added time on a chat completion, against a bare proxy",
  streams: '500 streams at once, and memory over 200,000 requests',
  propagation: 'from the API server taking a Route to every gateway serving it',
  rotation: 'from the write of a Secret to its new value in use on every gateway',
  'cron-kill': '100,000 slots of 10,000 CronJobs while replicas are killed, restart and have wrong clocks',
  operator: 'cold start, memory and the cost of a change, from 100 objects to the design size',
  churn: '200,000 changes of one namespace: memory, descriptors and missed events of the operator',
  deliveries: '100,000 deliveries to a target that fails, hangs, limits and dies, while replicas are killed',
};

const given = process.argv.slice(2);
const firstOption = given.findIndex((text) => text.startsWith('--'));
const wanted = firstOption < 0 ? given : given.slice(0, firstOption);
const options = given.slice(wanted.length);
const unknown = wanted.some((name) => !(name in benchmarks));
if (unknown || (wanted.length !== 1 && options.length > 0)) {
  const list = Object.entries(benchmarks).map(([name, what]) => `  ${name.padEnd(14)}${what}\n`);
  process.stdout.write(
    `npm run bench [-- NAME...], or -- NAME OPTION...; NAME --help prints its options\n\n${list.join('')}\n`,
  );
  process.stdout.write('Examples: npm run bench -- resolve tick\n          npm run bench -- cron-kill --seed 7\n');
  process.exit(options[0] === '--help' ? 0 : 2);
}

for (const [name, what] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`\n# ${name}: ${what}\n\n`);
  const code = await run(path.join(import.meta.dirname, `${name}.ts`));
  if (code !== 0) process.exitCode = 1;
}

function run(file: string): Promise<number> {
  return new Promise((resolve) => {
    spawn(process.execPath, [file, ...options], { stdio: 'inherit' })
      .on('exit', (code) => resolve(code ?? 1))
      .on('error', () => resolve(1));
  });
}
