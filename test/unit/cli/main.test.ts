import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { findRunningDev } from '../../../cli/dev/address-file.ts';
import { ProgramError, runProgram } from '../../harness/run-program.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';

const main = path.join(import.meta.dirname, '../../../cli/main.ts');

/** How the program ends, and what it says on stderr. */
async function end(...args: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  try {
    await runProgram(process.execPath, [main, ...args]);
    return { code: 0, said: '' };
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    return { code: error.code, said: error.stderr };
  }
}

describe('talaria', () => {
  it('exits with 2 on wrong usage of any command, and says where the right one stands', async () => {
    const wrong = [['nothing'], ['dev'], ['explain', '--nothing', '.'], ['completions', 'tcsh'], ['jobs', 'nothing']];
    for (const args of wrong) {
      const { code, said } = await end(...args);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(said).toMatch(/^error: .+\n(?:\(.+\)\n)?\(add --help for the (?:commands|options)\)\n$/);
    }
  });

  it('says where options stand when they come before the command', async () => {
    const { code, said } = await end('--gateway', 'http://127.0.0.1:1', 'jobs', 'list');
    expect(code).toBe(2);
    expect(said).toContain('(options stand after the command, as in: talaria jobs list --gateway URL)');
  });

  it('dev says who serves from its state folder, and takes no word of one that was killed', async () => {
    const folder = await temporaryFolder('dev');
    const server = createServer((_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await mkdir(path.join(folder, 'manifests'));
    await writeFile(path.join(folder, 'gateway.json'), `${JSON.stringify({ address, pid: process.ppid })}\n`);
    expect(await findRunningDev(folder)).toEqual({ address, pid: process.ppid });
    const { code, said } = await end('dev', path.join(folder, 'manifests'), '--state', folder);
    expect(code).toBe(1);
    expect(said).toContain(`is in use: the process ${process.ppid} serves from there at ${address}.`);
    await new Promise((resolve) => server.close(resolve));
    expect(await findRunningDev(folder)).toBeUndefined();
  });
});
