import { expect, it } from 'vitest';
import type { AgentEntry } from '../../../../core/snapshot/schema.ts';
import type { AgentStatus } from '../../../../gateway/config/source.ts';
import { buildTable } from '../../../../gateway/config/table.ts';
import { buildAgentStatus, type RefusedAccount } from '../../../../gateway/delivery/account-status.ts';
import { platformSenders } from '../../../../gateway/delivery/targets/platforms.ts';
import { configuration } from '../../../harness/entries.ts';

type Account = AgentEntry['accounts'][number];

const noon = '2026-01-01T12:00:00Z';
const later = '2026-01-01T13:00:00Z';

const account = (name: string, change: Partial<Account> = {}): Account => ({
  name,
  platform: 'telegram',
  shared: false,
  onAmbiguous: 'Park',
  credentials: { token: `${name}.v1` },
  settings: {},
  ...change,
});

async function status(
  accounts: readonly Account[],
  refused: readonly RefusedAccount[] = [],
  before?: AgentStatus,
  now = noon,
): Promise<AgentStatus> {
  const credentials = { 'bot.v1': '1:secret', 'bot.v2': '1:fresh', 'other.v1': '2:secret' };
  const table = await buildTable(configuration({ agents: [{ name: 'clerk', accounts }], credentials }));
  const [agent] = table.content.agents;
  if (agent === undefined) throw new Error('the table has no Agent');
  const facts = {
    table,
    senders: platformSenders,
    refused: new Map(refused.map((each) => [each.account, each] as const)),
  };
  return buildAgentStatus(agent, facts, before, now);
}

const refusal = (change: Partial<RefusedAccount> = {}): RefusedAccount => ({
  account: 'clerk/bot',
  error: 'Telegram answered 401: Unauthorized',
  scope: 'bot.v1',
  ...change,
});

it('an Agent without accounts has nothing to say of them', async () => {
  expect(await status([])).toEqual({ accounts: [], conditions: [] });
});

it('an account that was never used is ready', async () => {
  expect(await status([account('bot'), account('other')])).toEqual({
    accounts: [
      { name: 'bot', ready: true },
      { name: 'other', ready: true },
    ],
    conditions: [
      {
        type: 'AccountsReady',
        status: 'True',
        reason: 'Connected',
        message: 'every account is ready',
        lastTransitionTime: noon,
        observedGeneration: 1,
      },
    ],
  });
});

it('an account that its platform refuses is named with the reason, and the others stay ready', async () => {
  const { accounts, conditions } = await status([account('bot'), account('other')], [refusal()]);
  const message = 'Telegram answered 401: Unauthorized; mend the Secret of the account';
  expect(accounts).toEqual([
    { name: 'bot', ready: false, message },
    { name: 'other', ready: true },
  ]);
  expect(conditions[0]).toMatchObject({ status: 'False', reason: 'AccountFailed' });
  expect(conditions[0]?.message).toBe('not ready: bot; status.accounts says why');
});

it('an account is ready again with credentials that nobody has refused', async () => {
  const rotated = account('bot', { credentials: { token: 'bot.v2' } });
  expect((await status([rotated], [refusal()])).accounts).toEqual([{ name: 'bot', ready: true }]);
  expect((await status([rotated], [refusal({ scope: '' })])).accounts[0]?.ready).toBe(false);
});

it('an account of a platform that this version does not write to is not ready', async () => {
  const [only] = (await status([account('bot', { platform: 'feishu' })])).accounts;
  expect(only).toMatchObject({ ready: false, message: expect.stringContaining('does not write to feishu') });
});

it('an account whose Secret is missing is not ready', async () => {
  const [only] = (await status([account('bot', { credentials: { token: 'gone' } })])).accounts;
  expect(only).toMatchObject({ ready: false, message: expect.stringMatching(/^SecretNotFound: .*"clerk\/bot"/) });
});

it('no secret is in a message, whatever a server answers, and none is too long', async () => {
  const error = `no bot has the token 1:secret ${'x'.repeat(2_000)}`;
  const { accounts } = await status([account('bot')], [refusal({ error })]);
  expect(accounts[0]?.message).toMatch(/^no bot has the token \*\*\* x/);
  expect(accounts[0]?.message).toHaveLength(1_024);
});

it('the condition keeps its time while its status stays', async () => {
  const first = await status([account('bot')]);
  expect(await status([account('bot')], [], first, later)).toEqual(first);
  const broken = await status([account('bot')], [refusal()], first, later);
  expect(broken.conditions[0]?.lastTransitionTime).toBe(later);
});
