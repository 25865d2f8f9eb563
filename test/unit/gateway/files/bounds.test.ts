import { expect, it } from 'vitest';
import { maxAgentBytes, maxAgentFiles, maxFileBytes } from '../../../../gateway/files/workspace.ts';
import { read } from '../sql-statements.ts';

it('the bounds of files are the same in the gateway, in the database and on their page', () => {
  const migration = read('gateway/db/migrations/0009_files.sql');
  expect(migration).toContain(`octet_length(content) <= ${maxFileBytes})`);
  expect(migration).toContain(`bytes <= ${maxAgentBytes})`);
  expect(migration).toContain(`files <= ${maxAgentFiles})`);
  const page = read('docs/files.md');
  expect(page).toContain(`| one file | ${maxFileBytes / 1024 ** 2} MiB |`);
  expect(page).toContain(`${maxAgentBytes / 1024 ** 2} MiB and ${maxAgentFiles.toLocaleString('en')} files`);
});
