import { describe, expect, it } from 'vitest';
import { complaintsOf, complaintText } from '../../../cli/complaints.ts';

const condition = (type: string, status: string, reason: string) => ({ type, status, reason, message: 'so it is' });

describe('what is wrong with an object', () => {
  it('is told once: conditions that repeat another one are left out', () => {
    const conditions = [
      condition('Accepted', 'False', 'InvalidSpec'),
      condition('Programmed', 'False', 'NotAccepted'),
      condition('Ready', 'False', 'NotAccepted'),
      condition('Stalled', 'True', 'NotAccepted'),
    ];
    expect(complaintsOf({ status: { conditions } }).map((complaint) => complaint.condition)).toEqual(['Accepted']);
  });

  it('is not a condition that is well, be it True or absent', () => {
    const conditions = [condition('Accepted', 'True', 'Accepted'), condition('Shadowed', 'False', 'RuleUnreachable')];
    expect(complaintsOf({ status: { conditions } })).toEqual([]);
    expect(complaintsOf({})).toEqual([]);
  });

  it('is told with the cure', () => {
    expect(complaintText('coder', { reason: 'AgentNotFound', message: 'no such Agent' })).toBe(
      'coder; no such Agent; create the Agent, or name another',
    );
  });

  it('is told without a second cure where the message holds one', () => {
    const message = 'Secret "k" is not labelled for use; its owner runs: kubectl label secret k';
    expect(complaintText('coder', { reason: 'SecretNotLabeled', message })).toBe(`coder; ${message}`);
    expect(complaintText('coder', { reason: 'SecretNotLabeled', message: '' })).toMatch(/; label it: kubectl label/);
  });
});
