import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { startTethered } from '../../../../cli/dev/tethered-process.ts';
import { isAlive } from '../../../harness/process-tree.ts';
import { waitFor } from '../../../harness/wait-for.ts';

const source = path.join(import.meta.dirname, '../../../../cli/dev/tethered-process.ts');

describe('a tethered process', () => {
  it('tells its output and exit code', async () => {
    const child = await startTethered('sh', ['-c', 'echo out; echo err >&2; exit 7']);
    expect(await child.exited).toEqual({ code: 7, signal: null });
    expect(child.output().split('\n').sort()).toEqual(['', 'err', 'out']);
    expect(child.exit()).toEqual({ code: 7, signal: null });
  });

  it('has the process id that it tells', async () => {
    const child = await startTethered('sh', ['-c', 'echo $$']);
    await child.exited;
    expect(child.output().trim()).toBe(String(child.pid));
  });

  it('is refused when there is no such command', async () => {
    await expect(startTethered('/nowhere/no-such-command', [])).rejects.toThrow('ENOENT');
  });

  it('keeps the newest 64 KiB of its output and hands over all of it', async () => {
    let received = 0;
    const child = await startTethered('sh', ['-c', 'head -c 200000 /dev/zero | tr "\\0" x; echo end'], {
      onOutput: (text) => {
        received += text.length;
      },
    });
    await child.exited;
    expect(received).toBe(200_004);
    expect(child.output()).toHaveLength(64 * 1024);
    expect(child.output().endsWith('xend\n')).toBe(true);
  });

  it('is killed when it does not stop within the budget', async () => {
    const child = await startTethered('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']);
    await waitFor('the trap to be set', () => child.output().includes('ready'));
    expect(await child.stop('SIGTERM', 200)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('does not outlive its parent, even when that is killed with -9', async () => {
    const script = `
      const { startTethered } = await import(${JSON.stringify(source)});
      const child = await startTethered('sleep', ['600']);
      console.log(child.pid);
      setInterval(() => undefined, 1_000);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface(parent.stdout), 'line');
    const pid = Number(line);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await waitFor('the child to be gone', () => !isAlive(pid));
  });

  it('ignores a signal that comes after its end', async () => {
    const child = await startTethered('true', []);
    await child.exited;
    child.kill('SIGTERM');
    expect(await child.stop('SIGTERM', 1_000)).toEqual({ code: 0, signal: null });
  });
});
