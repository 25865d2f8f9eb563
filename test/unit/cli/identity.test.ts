import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { objectUid, openIdentities } from '../../../cli/dev/identity.ts';

const agent = { kind: 'Agent', namespace: 'default', name: 'coder', spec: { suspend: false, model: { name: 'echo' } } };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'talaria-identity-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('identities of standalone mode', () => {
  it('an object keeps its uid and generation over a restart', async () => {
    const first = await openIdentities(folder);
    const before = first.identify(agent);
    await first.save();
    const after = (await openIdentities(folder)).identify(agent);
    expect(after).toEqual(before);
    expect(after.generation).toBe(1);
  });

  it('the generation grows when the spec changes, also over a restart, and not when only its writing does', async () => {
    const first = await openIdentities(folder);
    first.identify(agent);
    await first.save();
    const second = await openIdentities(folder);
    const reordered = { ...agent, spec: { model: { name: 'echo' }, suspend: false } };
    expect(second.identify(reordered).generation).toBe(1);
    expect(second.identify({ ...agent, spec: { suspend: true } }).generation).toBe(2);
  });

  it('kind, namespace and name each make another uid, which is a version 5 UUID', () => {
    const uids = [
      objectUid(agent),
      objectUid({ ...agent, kind: 'Route' }),
      objectUid({ ...agent, namespace: 'other' }),
      objectUid({ ...agent, name: 'other' }),
    ];
    expect(new Set(uids).size).toBe(4);
    for (const uid of uids)
      expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('a state file that cannot be read is an error that names the file and the cure', async () => {
    await writeFile(path.join(folder, 'objects.json'), '{ not json');
    await expect(openIdentities(folder)).rejects.toThrow(/objects\.json cannot be read; remove it/);
  });
});
