import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(path.join(tmpdir(), 'talaria-main-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const good = {
  TALARIA_NAMESPACE: 'team',
  POD_NAME: 'gateway-1',
  DATABASE_URL: 'postgres://talaria:hunter2@127.0.0.1:1/talaria',
  KUBECONFIG: path.join(folder, 'kubeconfig'),
};

/** The gateway process with this environment; what it wrote and how it ended. */
function start(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const file = path.join(import.meta.dirname, '../../../gateway/main.ts');
  const { status, stderr } = spawnSync(process.execPath, [file, ...args], { env, encoding: 'utf8', timeout: 15_000 });
  return { status, stderr };
}

describe('the gateway process', () => {
  it('ends with 2 and names what its environment lacks', () => {
    const { status, stderr } = start({});
    expect(status).toBe(2);
    expect(stderr).toMatch(/^DATABASE_URL is not set: .*\nTALARIA_NAMESPACE is not set: .*\n/);
  });

  it('ends with 2 and names the field of its configuration that is wrong', () => {
    const file = path.join(folder, 'gateway.yaml');
    writeFileSync(file, 'limits: { openRequest: 5 }\n');
    const { status, stderr } = start(good, '--config', file);
    expect(status).toBe(2);
    expect(stderr).toMatch(/gateway\.yaml: limits: .*openRequest/);
  });

  it('ends with 2 when the kubeconfig is missing, and shows no secret', () => {
    const { status, stderr } = start(good);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^KUBECONFIG cannot be used/);
    expect(stderr).not.toContain('hunter2');
  });
});
