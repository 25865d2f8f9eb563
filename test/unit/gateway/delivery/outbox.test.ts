import { describe, expect, it } from 'vitest';
import type { AgentEntry, DeliverTarget, JobEntry } from '../../../../core/snapshot/schema.ts';
import { buildTable } from '../../../../gateway/config/table.ts';
import {
  type OutboxOptions,
  outboxRows,
  type RunEnding,
  requestOutboxRows,
} from '../../../../gateway/delivery/outbox.ts';
import type { JobRun } from '../../../../gateway/job-runs/job-run.ts';
import { agentEntry, jobEntry } from '../../../servers/schedule/entries.ts';

const now = Date.UTC(2030, 0, 1);
const account = (name: string, platform: string): AgentEntry['accounts'][number] => ({
  name,
  platform,
  shared: false,
  onAmbiguous: 'Park',
  credentials: {},
  settings: {},
});
const agents = [agentEntry('clerk', { accounts: [account('bot', 'fake'), account('wecom', 'wecom')] })];
const content = { agents, routes: [], jobs: [], gatewayKeys: [], texts: {} };
const table = await buildTable({
  snapshot: { revision: 'r', sequence: 1, content, routeParts: [[]] },
  credentials: new Map(),
});
const fake = {
  render: (text: string) => (text === '' ? [] : text.split('\n\n')),
  send: async () => ({ kind: 'sent' }) as const,
  sameIdForMs: 0,
  pace: { accountMs: 0, chatMs: 0 },
};
const options = { table, now, senders: { fake } };

const target = (name: string, change: Partial<DeliverTarget>): DeliverTarget => ({
  name,
  expireAfterSeconds: 60,
  ...change,
});
const chat = target('chat', { account: 'clerk/bot', chatId: 'C1', threadId: 'T1' });

function rows(change: Partial<JobEntry>, ending: RunEnding, given: OutboxOptions = options) {
  const run: JobRun = {
    id: '0192f0c1-a2b3-7c4d-8e9f-0a1b2c3d4e5f',
    agent: 'clerk',
    agentUid: 'uid-of-clerk',
    jobUid: 'job-uid',
    slot: new Date(now),
    attempt: 1,
    maxAttempts: 1,
    worker: 'w',
    backlog: false,
    input: { prompt: '', job: jobEntry('report', change) },
  };
  return outboxRows(run, ending, given);
}

const completed = (text: string): RunEnding => ({ outcome: 'completed', text });

describe('what a scheduled run leaves in the outbox', () => {
  it('is one row for each part of each target, and the parts of a chat share its line', () => {
    const log = target('log', { log: true });
    const left = rows({ deliver: [chat, log] }, completed('one\n\ntwo'));
    expect(left.map(({ target: id, part, parts, kind, line }) => ({ id, part, parts, kind, line }))).toEqual([
      { id: 'deliver/chat', part: 1, parts: 2, kind: 'account', line: 'chat:clerk/bot:C1' },
      { id: 'deliver/chat', part: 2, parts: 2, kind: 'account', line: 'chat:clerk/bot:C1' },
      { id: 'deliver/log', part: 1, parts: 1, kind: 'log', line: 'job-uid/deliver/log' },
    ]);
    expect(left.map(({ data }) => data.data.text)).toEqual(['one', 'two', 'one\n\ntwo']);
    expect(left[1]).toMatchObject({
      destination: { account: 'clerk/bot', platform: 'fake', chatId: 'C1', threadId: 'T1' },
      status: 'pending',
      expire_after_seconds: 60,
      data: { data: { agent: 'clerk', cronJob: 'report', outcome: 'completed', part: 2, parts: 2 } },
    });
  });

  it('is of two chats of one account two lines, and of two runs to one chat the same', () => {
    const elsewhere = target('elsewhere', { account: 'clerk/bot', chatId: 'C2' });
    const lines = rows({ deliver: [chat, elsewhere] }, completed('x')).map(({ line }) => line);
    expect(new Set(lines).size).toBe(2);
    expect(rows({ deliver: [target('again', { ...chat, name: 'again' })] }, completed('y'))[0]?.line).toBe(lines[0]);
  });

  it('is suppressed with the reason when the result is only the silence marker, or empty for a chat', () => {
    expect(rows({ deliver: [chat] }, completed(' [SILENT]\n'))).toMatchObject([
      { status: 'suppressed', last_error: 'the result is only the silence marker' },
    ]);
    expect(rows({ deliver: [chat] }, completed(''))).toMatchObject([
      { status: 'suppressed', last_error: 'the result is empty', part: 1, parts: 1 },
    ]);
    const webhook = target('hook', { webhook: { url: 'https://example.com', secrets: [] } });
    expect(rows({ deliver: [webhook] }, completed(''))).toMatchObject([{ status: 'pending', last_error: '' }]);
  });

  it('is a dead letter with the reason for an account that is not there, or a platform that is not written to', () => {
    const missing = target('missing', { account: 'clerk/none', chatId: 'C1' });
    const unknown = target('unknown', { account: 'clerk/wecom', chatId: 'C1' });
    const left = rows({ deliver: [missing, unknown] }, completed('x'));
    expect(left.map(({ status, last_error }) => [status, last_error])).toEqual([
      ['dead', 'AccountNotFound: there is no account "clerk/none"'],
      ['dead', 'this version does not write to wecom; use a webhook or the log'],
    ]);
  });

  it('is of a failure the reason, for the targets of failures, and never silent', () => {
    const change = { deliver: [chat], onFailure: { deliver: [{ ...chat, name: 'alarm' }], afterConsecutive: 1 } };
    const left = rows(change, { outcome: 'failed', code: 'model_failed', message: 'it answered 500' });
    expect(left).toMatchObject([
      {
        target: 'failure/alarm',
        status: 'pending',
        data: { data: { outcome: 'failed', text: 'CronJob report failed: model_failed: it answered 500' } },
      },
    ]);
  });

  it('is converted once for each platform, however many chats it goes to', () => {
    let converted = 0;
    const counting = {
      ...fake,
      render: (text: string) => {
        converted += 1;
        return [`${text} ${converted}`];
      },
    };
    const deliver = Array.from({ length: 16 }, (_, index) => ({ ...chat, name: `chat-${index}`, chatId: `C${index}` }));
    const left = rows({ deliver }, completed('x'), { ...options, senders: { fake: counting } });
    expect(left.map(({ data }) => data.data.text)).toEqual(Array.from({ length: 16 }, () => 'x 1'));
  });

  it('of many targets is 8 Mi characters at most, all together', () => {
    const hook = (index: number) => target(`hook-${index}`, { webhook: { url: 'https://example.com', secrets: [] } });
    const length = (targets: number) =>
      rows({ deliver: Array.from({ length: targets }, (_, index) => hook(index)) }, completed('x'.repeat(5_000_000)))
        .map(({ data }) => data.data.text.length)
        .reduce((sum, part) => sum + part, 0);
    expect(length(1)).toBe(5_000_000);
    expect(length(16)).toBeLessThan(8 * 1024 * 1024);
  });

  it('of 5 MB is 20 messages of a chat at most, and none is larger than a part', () => {
    const left = rows({ deliver: [chat] }, completed('word '.repeat(20).concat('\n\n').repeat(50_000)));
    expect(left).toHaveLength(20);
    expect(left.at(-1)?.data.data.text).toContain('it is cut here');
  });
});

describe('what a request leaves in the outbox', () => {
  const run = { id: '0192f0c1-a2b3-7c4d-8e9f-0a1b2c3d4e5f', agent: 'clerk' };

  it('goes through an account of the agent that answered, when it names none', () => {
    const left = requestOutboxRows(
      run,
      [{ account: 'bot', chatId: 'C1', threadId: '' }, { log: true }],
      'hello',
      options,
    );
    expect(left).toMatchObject([
      { target: 'deliver/0', line: 'chat:clerk/bot:C1', destination: { account: 'clerk/bot', platform: 'fake' } },
      { target: 'deliver/1', kind: 'log' },
    ]);
    expect(left[0]?.data.data).not.toHaveProperty('cronJob');
  });
});
