import { describe, expect, it } from 'vitest';
import { judgeGateway, judgeStandalone } from '../../../../cli/doctor/gateway.ts';
import { judgeKeys } from '../../../../cli/doctor/keys.ts';
import { judgeObjects, type StoredObject } from '../../../../cli/doctor/objects.ts';
import { failed, told } from './told.ts';

function agent(
  name: string,
  conditions: readonly (readonly [string, string, string, string])[],
  more = {},
): StoredObject {
  return {
    metadata: { name, generation: 2 },
    status: {
      observedGeneration: 2,
      conditions: conditions.map(([type, status, reason, message]) => ({ type, status, reason, message })),
      ...more,
    },
  };
}

const toldOf = (...objects: readonly StoredObject[]) =>
  told(judgeObjects([{ kind: 'Agent', objects: { value: objects } }]));

describe('objects', () => {
  it('without complaints are counted', () => {
    const well = agent('a', [['Accepted', 'True', 'Accepted', '']]);
    expect(judgeObjects([{ kind: 'Agent', objects: { value: [well] } }])).toEqual([
      { check: 'Agents', level: 'ok', cause: '1, none with a complaint', cure: '' },
    ]);
  });

  it.each([
    ['SecretNotFound', 'Secret "k" does not exist', /Create the Secret/],
    ['SecretKeyNotFound', 'Secret "k" has no key "token"', /Add the key/],
    ['SecretNotLabeled', 'its owner runs: kubectl label secret k talaria.dev/credentials=true', /NotLabeled\) -> $/],
    ['SecretNotAllowed', 'may not be used; its owner adds it to the annotation', /NotAllowed\) -> $/],
  ])('that lack what they refer to are told with %s', (reason, message, cure) => {
    const found = toldOf(agent('a', [['ResolvedRefs', 'False', reason, message]]));
    expect(found).toContain(`fail Agents: Agent/a: ${message} (${reason})`);
    expect(found).toMatch(cure);
  });

  it('that are not accepted are told once, though Programmed says it too', () => {
    const found = toldOf(
      agent('a', [
        ['Accepted', 'False', 'SnapshotFull', 'no room'],
        ['Programmed', 'False', 'NotAccepted', ''],
        ['Ready', 'False', 'NotAccepted', ''],
      ]),
    );
    expect(found).toMatch(/^fail Agents: Agent\/a: no room \(SnapshotFull\) -> Remove objects[^\n]*$/);
  });

  it('whose newest generation nobody has seen are told', () => {
    const unseen = { metadata: { name: 'a', generation: 3 }, status: { observedGeneration: 2 } };
    expect(toldOf(unseen)).toMatch(/the operator has not seen its newest generation/);
    expect(toldOf({ metadata: { name: 'a', generation: 1 } })).toMatch(/has not seen/);
  });

  it('with broken accounts are told by the account', () => {
    const accounts = [
      { name: 'ok', ready: true },
      { name: 'bot', ready: false, message: 'Telegram refuses the token' },
    ];
    const found = toldOf(
      agent('a', [['AccountsReady', 'False', 'AccountFailed', 'see status.accounts']], { accounts }),
    );
    expect(found).toMatch(
      /^fail Agents: Agent\/a: account bot: Telegram refuses the token \(AccountFailed\) -> Correct/,
    );
  });

  it('that fail or can never take effect are warned of', () => {
    const found = toldOf(
      agent('a', [
        ['Shadowed', 'True', 'RuleUnreachable', 'rule x never wins'],
        ['Healthy', 'False', 'RunFailed', 'The run failed'],
      ]),
    );
    expect(found.split('\n')).toEqual([
      expect.stringMatching(/^warn .*never wins/),
      expect.stringMatching(/^warn .*run failed/),
    ]);
  });

  it('that are many with one reason are shortened', () => {
    const many = Array.from({ length: 12 }, (_, at) => agent(`a${at}`, [['Programmed', 'False', 'NoGateway', 'none']]));
    expect(toldOf(...many).split('\n')).toHaveLength(6);
    expect(toldOf(...many)).toContain('7 more with NoGateway.');
  });

  it('that may not be read are skipped', () => {
    expect(told(judgeObjects([{ kind: 'Route', objects: failed('', 403) }]))).toMatch(/^skipped Routes/);
  });
});

describe('gateway keys', () => {
  const secret = (
    annotations: Record<string, string>,
    data: Record<string, string> = { key: 'azEyMzQ1Njc4OTAxMjM0NQ==' },
  ) => ({
    metadata: { name: 'k', uid: 'u', labels: { 'talaria.dev/gateway-key': 'true' }, annotations },
    data,
  });

  it('that are valid give no complaint', () => {
    expect(told(judgeKeys({ value: [secret({ 'talaria.dev/agents': '*' })] }))).toBe('');
  });

  it('are missed where there is none', () => {
    expect(told(judgeKeys({ value: [] }))).toMatch(/^warn gateway keys: There is none/);
  });

  it('that the operator rejects are told as it tells them', () => {
    expect(told(judgeKeys({ value: [secret({})] }))).toMatch(/Secret k: Annotation talaria.dev\/agents names no Agent/);
    const odd = secret({ 'talaria.dev/agents': '*', 'talaria.dev/role': 'root' });
    expect(told(judgeKeys({ value: [odd] }))).toMatch(/role is "root"; write client or admin/);
    expect(told(judgeKeys({ value: [secret({ 'talaria.dev/agents': '*' }, {})] }))).toMatch(
      /fail gateway keys: Secret k/,
    );
  });
});

describe('a gateway', () => {
  const none = { value: [] };
  const ready = { value: { status: 'ready', state: 'available' as const } };

  it('that is well gives no complaint', () => {
    expect(told(judgeGateway({ readiness: ready, dead: none, ambiguous: none }))).toBe('');
  });

  it('that does not answer is told alone', () => {
    const gone = failed('ECONNREFUSED');
    expect(told(judgeGateway({ readiness: gone, dead: gone, ambiguous: gone }))).toMatch(
      /^fail answers: It said ECONNREFUSED/,
    );
  });

  it('that is not ready says what it waits for', () => {
    const readiness = { value: { status: 'no snapshot yet', state: 'unavailable' as const } };
    expect(told(judgeGateway({ readiness, dead: none, ambiguous: none }))).toMatch(/not ready: no snapshot yet/);
  });

  it('that refuses the key is told with the cure', () => {
    const refused = failed('invalid_key');
    expect(told(judgeGateway({ readiness: ready, dead: refused, ambiguous: refused }))).toMatch(
      /^fail key: The gateway refuses the key: .* -> Give an admin key/,
    );
  });

  it('that gave up deliveries names how many, the newest error and what to do', () => {
    const delivery = { agent: 'clerk', last_error: 'HTTP 410' } as never;
    const found = told(
      judgeGateway({ readiness: ready, dead: { value: [delivery, delivery] }, ambiguous: { value: [delivery] } }),
    );
    expect(found).toMatch(/warn deliveries: 2 were given up, the newest of clerk: HTTP 410. -> .*--status dead/);
    expect(found).toMatch(/1 may or may not have arrived.* -> .*--status ambiguous/);
  });

  it('without a cluster tells its Agents and CronJobs itself', () => {
    const agents = { value: [{ name: 'a' }, { name: 'b', refuse: 'agent_not_ready', refuseReason: 'SecretNotFound' }] };
    const jobs = { value: [{ name: 'j', consecutive_failures: 3 } as never] };
    const found = told(judgeStandalone({ agents, jobs }));
    expect(found).toMatch(/^fail Agents: Agent\/b refuses all requests \(SecretNotFound\)/);
    expect(found).toContain(
      'Create the Secret in the same namespace, labelled talaria.dev/credentials=true. Its conditions',
    );
    expect(found).toMatch(/warn CronJobs: CronJob\/j failed 3 times in a row/);
  });
});
