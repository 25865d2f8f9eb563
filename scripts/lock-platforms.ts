/**
 * Completes package-lock.json: a package's optional dependencies for other platforms are left out by npm when the
 * registry it locked against lacked them, and then `npm ci` stops with "Missing: ... from lock file". Run after
 * changing dependencies: `node scripts/lock-platforms.ts`. Prints what it added.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

const file = path.join(import.meta.dirname, '..', 'package-lock.json');
const lock = JSON.parse(await readFile(file, 'utf8')) as Lock;
const added = Object.entries(lock.packages).flatMap(([place, locked]) =>
  Object.entries(locked.optionalDependencies ?? {})
    .filter(([name]) => place !== '' && !isLocked(place, name))
    .map(([name, version]) => ({ name, entry: stub(name, version, locked.dev === true) })),
);
for (const { name, entry } of added) lock.packages[`node_modules/${name}`] = entry;
const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
await writeFile(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
process.stdout.write(added.map(({ name }) => `added ${name}\n`).join('') || 'nothing to add\n');

/** Whether npm's own look-up from `place` finds an entry for `name`: its own node_modules first, then each parent's. */
function isLocked(place: string, name: string): boolean {
  const parents = place.split('/node_modules/').map((_, i, all) => all.slice(0, all.length - i).join('/node_modules/'));
  return [...parents.map((parent) => `${parent}/node_modules/${name}`), `node_modules/${name}`].some(
    (key) => key in lock.packages,
  );
}

/** A lock entry that npm skips on every platform but the package's own, which its name tells. */
function stub(name: string, version: string, dev: boolean): LockEntry {
  const words = name.split(/[-/]/);
  const os = ['android', 'darwin', 'freebsd', 'linux', 'openbsd', 'win32'].filter((word) => words.includes(word));
  const cpu = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'].filter((word) =>
    words.includes(word),
  );
  const libc = words.includes('musl') ? { libc: ['musl'] } : {};
  return { version, cpu, ...(dev ? { dev } : {}), ...libc, optional: true, os };
}

interface LockEntry {
  readonly version: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

interface Lock {
  readonly packages: Record<string, LockEntry>;
}
