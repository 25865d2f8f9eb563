import { describe, expect, it } from 'vitest';
import { missingForReadiness, type OperatorState } from '../../../operator/readiness.ts';

const standby: OperatorState = { synced: true, leading: false, identity: 'a', leader: 'b', published: false };

describe('readiness of an operator', () => {
  it.each<[string, Partial<OperatorState>, RegExp | undefined]>([
    ['is given to a standby of another leader', {}, undefined],
    ['is refused before the namespace is read', { synced: false }, /not read yet/],
    ['is refused while nobody leads', { leader: '' }, /no operator leads/],
    ['is refused to a leader without a snapshot', { leading: true, leader: 'a' }, /first snapshot/],
    ['is given to a leader with a snapshot', { leading: true, leader: 'a', published: true }, undefined],
    [
      'is given to a leader whose lease the watch has not shown yet',
      { leading: true, leader: '', published: true },
      undefined,
    ],
    ['is refused to one that is elected, but knows it only from the watch', { leader: 'a' }, /first snapshot/],
  ])('%s', (_title, state, missing) => {
    const said = missingForReadiness({ ...standby, ...state });
    if (missing === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(missing);
  });
});
