/** `npm run bench [-- NAME...]`: runs the benchmarks, each in a process of its own, and prints their tables. */
import { spawn } from 'node:child_process';
import path from 'node:path';

const benchmarks: Readonly<Record<string, string>> = {
  resolve: 'which agent a message gets, at 100, 10,000 and 50,000 rules',
  tick: 'what looking for due jobs costs, and how late a job starts',
  gateway: "the gateway's added time on a chat completion, against a bare proxy",
  streams: '500 streams at once, and memory over 200,000 requests',
  propagation: 'from the API server taking a Route to every gateway serving it',
  'cron-kill': 'two gateways, 200 jobs each second, one of them killed every 5 s',
};

const wanted = process.argv.slice(2);
if (wanted.includes('--help') || wanted.some((name) => !(name in benchmarks))) {
  const list = Object.entries(benchmarks).map(([name, what]) => `  ${name.padEnd(14)}${what}\n`);
  process.stdout.write(`npm run bench [-- NAME...]\n\n${list.join('')}\nExample: npm run bench -- resolve tick\n`);
  process.exit(wanted.includes('--help') ? 0 : 2);
}

for (const [name, what] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`\n# ${name}: ${what}\n\n`);
  const code = await run(path.join(import.meta.dirname, `${name}.ts`));
  if (code !== 0) process.exitCode = 1;
}

function run(file: string): Promise<number> {
  return new Promise((resolve) => {
    spawn(process.execPath, [file], { stdio: 'inherit' })
      .on('exit', (code) => resolve(code ?? 1))
      .on('error', () => resolve(1));
  });
}
