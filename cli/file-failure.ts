/** Why a file cannot be read or written, in words and without its name: what Node says has the name twice and a code. */
export function fileFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return reasons[code] ?? error.message;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder; check the path',
  EEXIST: 'it is there already, and nothing is overwritten; name another or remove it',
  EACCES: 'you may not; check its permissions',
  EPERM: 'you may not; check its permissions',
  EISDIR: 'it is a folder; name a file',
  ENOTDIR: 'a part of its path is a file and no folder; check the path',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
};
