import { describe, expect, it } from 'vitest';
import { collides, homePath, isHomePath } from '../../../../gateway/files/path.ts';

describe('a path of an agent', () => {
  it.each(['workspace/notes.md', 'SOUL.md', '..a/b', 'workspace/über uns.md', 'workspace/a…b', `w/${'a'.repeat(200)}`])(
    'may be %j',
    (path) => {
      expect(homePath(path)).toBe(path);
      expect(isHomePath(path)).toBe(true);
    },
  );

  it.each([
    ['', 'is empty'],
    ['/etc/passwd', 'begins with a slash'],
    ['../other/workspace/a', '"." or ".."'],
    ['workspace/../../other/workspace/a', '"." or ".."'],
    ['workspace/./a', '"." or ".."'],
    ['..', '"." or ".."'],
    ['workspace//a', 'empty part'],
    ['workspace/', 'empty part'],
    ['workspace\\..\\a', 'backslash'],
    ['workspace/a\0.md', 'no path may have'],
    ['workspace/a\n.md', 'no path may have'],
    ['workspace/a\u202e.md', 'no path may have'],
    ['workspace/\ud800', 'no path may have'],
    ['workspace/ a', 'begins or ends with a space'],
    [`workspace/${'a'.repeat(201)}`, 'a name that is too long'],
    [`w${'/a'.repeat(16)}`, 'more than 16 parts'],
    [`w${`/${'a'.repeat(190)}`.repeat(6)}`, 'more than 1000 bytes'],
  ])('may not be %j, and the refusal names what is wrong and a path that works', (path, why) => {
    expect(() => homePath(path)).toThrow(why);
    expect(() => homePath(path)).toThrow('workspace/notes.md');
    expect(isHomePath(path)).toBe(false);
  });

  it('is refused at once where a model wrote one without end', () => {
    const marks = '\u0300\u0316'.repeat(200_000);
    expect(() => homePath(`workspace/a${marks}`)).toThrow('more than 1000 bytes');
    expect(isHomePath(`workspace/a${marks}`)).toBe(false);
  });

  it('is one path however its letters are composed', () => {
    expect(homePath('workspace/u\u0308ber.md')).toBe('workspace/\u00fcber.md');
    expect(isHomePath('workspace/u\u0308ber.md')).toBe(false);
  });

  it('collides with a folder or a file of the same name, and with nothing that only begins alike', () => {
    expect(collides('a/b', 'a')).toBe(true);
    expect(collides('a', 'a/b')).toBe(true);
    expect(collides('a', 'ab')).toBe(false);
    expect(collides('a', 'a')).toBe(false);
  });
});
