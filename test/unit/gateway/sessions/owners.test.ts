import { expect, it } from 'vitest';
import { createSessionOwners } from '../../../../gateway/sessions/owners.ts';

const session = (agent: string) => ({ id: `id-${agent}`, agent });

it('remembers the sessions that were used last, and no more than its bound', () => {
  const owners = createSessionOwners(2);
  owners.set('p', 'one', session('a'));
  owners.set('p', 'two', session('b'));
  expect(owners.get('p', 'one')).toEqual(session('a'));
  owners.set('p', 'three', session('c'));
  expect(owners.get('p', 'two')).toBeUndefined();
  expect(owners.get('p', 'one')).toEqual(session('a'));
  expect(owners.get('p', 'three')).toEqual(session('c'));
});

it('keeps principals apart, whatever their names hold', () => {
  const owners = createSessionOwners();
  owners.set('a","b', 'c', session('x'));
  expect(owners.get('a', 'b","c')).toBeUndefined();
  expect(owners.get('other', 'c')).toBeUndefined();
  owners.delete('a","b', 'c');
  expect(owners.get('a","b', 'c')).toBeUndefined();
});
