import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

const log = path.join(import.meta.dirname, '../../../../core/lib/log.ts');

it('writes every line before the process exits, in order, and never a secret', async () => {
  const script = `
    import { createLogger } from ${JSON.stringify(log)};
    const log = createLogger('talaria-test', 'info');
    for (let i = 0; i < 500; i++) log.info({ i, apiKey: 'hush', headers: { authorization: 'Bearer hush' } }, 'a line');
    process.exit(3);`;
  const { code, lines } = await run(script);
  expect(code).toBe(3);
  expect(lines.map((line) => (JSON.parse(line) as { i: number }).i)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  expect(lines.join()).not.toContain('hush');
});

function run(script: string): Promise<{ code: number | null; lines: string[] }> {
  return new Promise((resolve) => {
    const command = ['--input-type=module', '--eval', script];
    const child = execFile(process.execPath, command, { timeout: 15_000 }, (_error, _stdout, stderr) =>
      resolve({ code: child.exitCode, lines: stderr.trim().split('\n') }),
    );
  });
}
