import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadKubeConfig } from '../../../../core/kube/kube-config.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder('kube-config');
});
afterEach(() => rm(folder, { recursive: true }));

async function write(file: string, current: string, contexts: Readonly<Record<string, string>>): Promise<string> {
  const names = Object.entries(contexts);
  const place = path.join(folder, file);
  const content = {
    clusters: names.map(([name, server]) => ({ name, cluster: { server } })),
    users: names.map(([name]) => ({ name, user: { token: file } })),
    contexts: names.map(([name]) => ({ name, context: { cluster: name, user: name, namespace: `in-${name}` } })),
    'current-context': current,
  };
  await writeFile(place, JSON.stringify(content));
  return place;
}

describe('a kubeconfig', () => {
  it('is used in its current context, or in the one that is named', async () => {
    const file = await write('one', 'a', { a: 'http://a', b: 'http://b' });
    expect(loadKubeConfig(file).getCurrentCluster()?.server).toBe('http://a');
    expect(loadKubeConfig(file, 'b').getCurrentCluster()?.server).toBe('http://b');
  });

  it('without the context that is named is refused with those that it has', async () => {
    const file = await write('one', 'a', { a: 'http://a', b: 'http://b' });
    expect(() => loadKubeConfig(file, 'c')).toThrow('has no context "c"; it has a, b');
  });

  it('that cannot be read is named', () => {
    expect(() => loadKubeConfig('/nothing/here')).toThrow('the kubeconfig /nothing/here cannot be read: ENOENT');
  });

  it('may be several files, of which the first that says something counts', async () => {
    const one = await write('one', '', { a: 'http://a' });
    const two = await write('two', 'b', { a: 'http://wrong', b: 'http://b' });
    const config = loadKubeConfig([one, two].join(path.delimiter));
    expect(config.getCurrentCluster()?.server).toBe('http://b');
    config.setCurrentContext('a');
    expect(config.getCurrentCluster()?.server).toBe('http://a');
    expect(config.getCurrentUser()?.token).toBe('one');
  });
});
