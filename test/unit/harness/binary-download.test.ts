import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadArchive, downloadFile, downloadText } from '../../harness/binary-download.ts';

describe('a download', () => {
  let server: Server;
  let url: string;
  let folder: string;
  let content: Buffer;

  beforeEach(async () => {
    content = Buffer.from('program');
    server = createServer((request, response) => {
      response.statusCode = request.url === '/there' ? 200 : 404;
      response.end(content);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    folder = await mkdtemp(path.join(tmpdir(), 'talaria-download-'));
  });
  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  it('is kept when its checksum is the published one', async () => {
    const file = path.join(folder, 'helm');
    await downloadFile(`${url}/there`, { algorithm: 'sha512', hex: hash('sha512', content) }, file);
    expect(await readFile(file, 'utf8')).toBe('program');
  });

  it('is refused when its checksum differs, and nothing is written', async () => {
    const checksum = { algorithm: 'sha256', hex: hash('sha256', 'something else') } as const;
    const download = downloadFile(`${url}/there`, checksum, path.join(folder, 'helm'));
    await expect(download).rejects.toThrow(/has sha256 .* is published: it was not used/);
    expect(await readdir(folder)).toEqual([]);
  });

  it('fails with the address and the status when it is not there', async () => {
    await expect(downloadText(`${url}/nowhere`)).rejects.toThrow(`${url}/nowhere answered 404`);
  });

  it('of an archive leaves the named members alone, without their folders', async () => {
    const source = path.join(folder, 'source', 'linux-amd64');
    await mkdir(source, { recursive: true });
    await Promise.all(['helm', 'LICENSE'].map((name) => writeFile(path.join(source, name), name)));
    content = execFileSync('tar', ['-czf', '-', '-C', path.join(folder, 'source'), 'linux-amd64']);
    const target = path.join(folder, 'target');
    await mkdir(target);
    const checksum = { algorithm: 'sha256', hex: hash('sha256', content) } as const;
    await downloadArchive(`${url}/there`, checksum, ['linux-amd64/helm'], target);
    expect(await readdir(target)).toEqual(['helm']);
  });
});

function hash(algorithm: string, data: string | Buffer): string {
  return createHash(algorithm).update(data).digest('hex');
}
