import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

/**
 * The environment that moves a process's wall clock by `ms` with libfaketime and leaves its monotonic clock alone. Installs
 * libfaketime with apt when it is missing and this process may; else throws with what to do.
 */
export function fakeTime(ms: number): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: library(),
    FAKETIME: `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1_000}s`,
    // Older and newer versions name it differently.
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

const places = [
  '/usr/lib/*/faketime/libfaketime.so.1',
  '/usr/lib{,64}/faketime/libfaketime.so.1',
  '/usr/local/lib/faketime/libfaketime.so.1',
];
const cure =
  'install it: apt-get install libfaketime (Debian, Ubuntu), dnf install libfaketime (Fedora), apk add libfaketime (Alpine)';

let found: string | undefined;

function library(): string {
  found ??= find() ?? installed();
  return found;
}

function find(): string | undefined {
  return globSync(places)[0];
}

function installed(): string {
  process.stderr.write('libfaketime is missing; trying apt-get install -y libfaketime\n');
  const { status, stderr, error } = spawnSync('apt-get', ['install', '-y', 'libfaketime'], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  const path = find();
  if (path !== undefined) return path;
  const why = error?.message ?? `apt-get ended with ${status}: ${String(stderr).trim().split('\n').at(-1)}`;
  throw new Error(`the clocks of replicas are moved with libfaketime, which is not there (${why}); ${cure}`);
}
