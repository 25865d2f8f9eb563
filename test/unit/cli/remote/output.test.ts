import { describe, expect, it } from 'vitest';
import {
  age,
  type Column,
  duration,
  formatList,
  formatOne,
  instant,
  printable,
  until,
} from '../../../../cli/remote/output.ts';

interface Thing {
  readonly name: string;
  readonly state: string;
  readonly note: string;
}

const columns: readonly Column<Thing>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'STATE', cell: ({ state }) => state, state: true },
  { title: 'NOTE', cell: ({ note }) => note, wide: true },
];
const things = [
  { name: 'a', state: 'failed', note: '' },
  { name: 'longer', state: 'completed', note: 'x\ny\x1b[2J' },
];

describe('a list', () => {
  it('is a table without colours where there is no terminal', () => {
    expect(formatList(things, columns)).toBe('NAME     STATE\na        failed\nlonger   completed\n');
  });

  it('has more columns when wide, each entry on one line and without what a terminal would obey', () => {
    expect(formatList(things, columns, 'wide')).toBe(
      'NAME     STATE       NOTE\na        failed\nlonger   completed   x y�[2J\n',
    );
  });

  it('is what the API gave as JSON and YAML', () => {
    expect(JSON.parse(formatList(things, columns, 'json'))).toEqual(things);
    expect(formatList([{ name: 'a', state: 'b', note: 'c' }], columns, 'yaml')).toBe(
      '- name: a\n  state: b\n  note: c\n',
    );
  });

  it('without entries is its header', () => {
    expect(formatList([], columns)).toBe('NAME   STATE\n');
  });
});

describe('one thing', () => {
  it('has a line for each field that says something', () => {
    const thing = { name: 'a', state: '', note: 'n' };
    expect(formatOne(thing, columns)).toBe('Name:  a\n');
    expect(formatOne(thing, columns, 'wide', '\nmore\n')).toBe('Name:  a\nNote:  n\n\nmore\n');
  });
});

describe('time', () => {
  it('is told in the largest unit that fits twice', () => {
    expect([0, 1, 119, 120, 7_199, 7_200, 172_800].map(duration)).toEqual([
      '0s',
      '1s',
      '119s',
      '2m',
      '119m',
      '2h',
      '2d',
    ]);
  });

  it('is told from now', () => {
    const now = Date.parse('2026-01-31T08:00:00Z');
    const at = now / 1_000;
    expect([age(at - 300, now), age(at + 9, now), age(null, now)]).toEqual(['5m', '0s', '']);
    expect([until(at + 300, now), until(at - 1, now), until(null, now)]).toEqual(['5m', 'now', '']);
    expect([instant(at), instant(null)]).toEqual(['2026-01-31T08:00:00Z', '']);
  });
});

describe('what others wrote', () => {
  it('keeps its lines and tabs and loses every control character', () => {
    expect(printable('a\r\nb\tc\x07\x1b]0;x\x9b', 'text')).toBe('a\nb\tc��]0;x�');
    expect(printable('a\r\nb\tc', 'line')).toBe('a b c');
  });
});
