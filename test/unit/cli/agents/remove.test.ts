import { expect, it } from 'vitest';
import { consequencesOf } from '../../../../cli/agents/remove.ts';

it.each([
  ['stays', { size: '1Gi', accessMode: 'ReadWriteMany' }],
  ['stays', { size: '1Gi', accessMode: 'ReadWriteMany', reclaimPolicy: 'Retain' }],
  ['is deleted with it', { size: '1Gi', accessMode: 'ReadWriteMany', reclaimPolicy: 'Delete' }],
  ['stays', { existingClaim: 'c' }],
])('who removes an Agent is told that its claim %s, as %j says', (fate, volume) => {
  const agent = { metadata: { name: 'coder' }, spec: { profile: { volume } }, status: { claimName: 'c' } };
  expect(consequencesOf(agent)).toContain(`The claim c ${fate}.`);
});
