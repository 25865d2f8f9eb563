import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A file with this text in a folder of its own, readable by this user alone. */
export function writeFileInTemporary(text: string): { readonly path: string; readonly remove: () => void } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'talaria-test-'));
  const file = path.join(folder, 'file');
  writeFileSync(file, text, { mode: 0o600 });
  return { path: file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
