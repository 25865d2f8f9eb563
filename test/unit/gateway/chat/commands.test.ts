import { describe, expect, it } from 'vitest';
import { commands, readCommand } from '../../../../gateway/chat/commands.ts';

describe('a text of a chat', () => {
  it.each(Object.keys(commands))(
    '/%s is a command, in any case, for a bot by name, and with words behind it',
    (command) => {
      for (const text of [
        `/${command}`,
        `/${command.toUpperCase()}`,
        `/${command}@my_bot`,
        `  /${command} now\nplease`,
      ])
        expect(readCommand(text)).toEqual({ kind: 'command', command });
    },
  );

  it.each([
    ['/hel', 'help'],
    ['/halp', 'help'],
    ['/statsu', 'status'],
    ['/stopp', 'stop'],
    ['/retyr', undefined],
  ])('%s is taken for a misspelt %s', (text, meant) => {
    expect(readCommand(text)).toEqual(meant && { kind: 'misspelt', written: text.slice(1), meant });
  });

  it.each([
    '',
    '/',
    '//',
    '/new/path',
    '/etc/hosts',
    '/newsletter',
    'new',
    'say /new',
    '/new-thing',
    '/1',
    '/constructor',
  ])('%j is a message', (text) => {
    expect(readCommand(text)).toBeUndefined();
  });
});
