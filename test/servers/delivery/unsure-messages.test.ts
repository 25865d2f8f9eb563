import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { account, clerk, lost, tableOf, texts, useAccountStage } from './account-stage.ts';
import { fakePlatform, takes } from './fake-sender.ts';

const { query, start, leave, rowOf, becomes, skipBackoff, moveClock, stop } = useAccountStage();

describe('a message that may have arrived', () => {
  it('is parked where the platform would show it twice', async () => {
    const platform = fakePlatform();
    platform.answer(lost);
    await start(platform);
    const id = await leave();
    expect(await becomes(id, 'ambiguous')).toMatchObject({ attempts: 1, last_error: 'reset' });
  });

  it('is sent again where the account says so', async () => {
    const platform = fakePlatform();
    platform.answer((message, signal, count) => (count === 1 ? lost : takes)(message, signal, count));
    await start(platform, { agents: [clerk(account('bot', { onAmbiguous: 'Resend' }))] });
    const id = await leave();
    await waitFor('the first attempt', async () => (await rowOf(id)).last_error === 'reset');
    await skipBackoff();
    expect(await becomes(id, 'sent')).toMatchObject({ attempts: 2 });
  });

  it('is sent again under its id while the platform knows it by that', async () => {
    const platform = fakePlatform({ sameIdForMs: 300_000 });
    platform.answer((message, signal, count) => (count === 1 ? lost : takes)(message, signal, count));
    await start(platform);
    const id = await leave();
    await waitFor('the first attempt', async () => (await rowOf(id)).last_error === 'reset');
    await skipBackoff();
    await becomes(id, 'sent');
    expect(new Set(platform.seen.map((message) => message.id)).size).toBe(1);
  });

  it('is parked, not sent, when the platform has forgotten the id, or the token is another', async () => {
    const platform = fakePlatform({ sameIdForMs: 300_000 });
    platform.answer(lost);
    const replica = await start(platform);
    const late = await leave();
    await waitFor('the first attempt', async () => (await rowOf(late)).last_error === 'reset');
    await moveClock(301);
    await skipBackoff();
    await becomes(late, 'ambiguous');
    const rotated = await leave();
    await waitFor('the second attempt', async () => (await rowOf(rotated)).last_error === 'reset');
    replica.swap(await tableOf({ sequence: 2, agents: [clerk(account('bot', { credentials: { token: 'bot.v2' } }))] }));
    await skipBackoff();
    await becomes(rotated, 'ambiguous');
    expect(new Set(platform.seen.map(({ token }) => token))).toEqual(new Set(['token of bot']));
  });
});

describe('a sender that dies', () => {
  const dies = async (id: string, change = '') => {
    const dead = '0192f0c1-a2b3-7c4d-8e9f-0a1b2c3d4e5f';
    await query(
      `update deliveries set status = 'sending', head = true, attempts = 1, first_attempt_at = talaria_now(), worker = $2 ${change}
       where id = $1`,
      [id, dead],
    );
  };

  it('leaves what it sent to be judged: parked, since it may have arrived', async () => {
    const platform = fakePlatform();
    const id = await leave();
    const next = await leave({ text: 'next' });
    await dies(id);
    await start(platform);
    expect(await becomes(id, 'ambiguous')).toMatchObject({ last_error: 'its sender died while it sent' });
    await becomes(next, 'sent');
    expect(texts(platform)).toEqual(['next']);
  });

  it('or sent again, where the platform knows the id', async () => {
    const platform = fakePlatform({ sameIdForMs: 300_000 });
    const id = await leave();
    await dies(id, `, key_scope = 'bot.v1'`);
    await start(platform);
    await waitFor('it to be judged', async () => (await rowOf(id)).last_error !== '');
    await skipBackoff();
    expect(await becomes(id, 'sent')).toMatchObject({ attempts: 2 });
  });

  it('frees its accounts for others', async () => {
    const platform = fakePlatform();
    const first = await start(platform, {}, 'a');
    await becomes(await leave(), 'sent');
    await stop(first);
    await start(platform, {}, 'b');
    await becomes(await leave(), 'sent');
    const held =
      'select l.account, w.replica from account_leases l join workers w on w.id = l.worker where w.lease_until > talaria_now()';
    expect(await query(held)).toEqual([{ account: 'clerk/bot', replica: 'b' }]);
  });

  it('cannot record what another has judged', async () => {
    const platform = fakePlatform();
    const answer = Promise.withResolvers<void>();
    platform.answer(async (message, signal, count) => {
      await answer.promise;
      return await takes(message, signal, count);
    });
    await start(platform);
    const id = await leave();
    await waitFor('the attempt', () => platform.seen.length === 1);
    await query(`update deliveries set status = 'ambiguous', head = false where id = $1`, [id]);
    answer.resolve();
    await becomes(await leave({ chat: 'C2' }), 'sent');
    expect(await rowOf(id)).toMatchObject({ status: 'ambiguous', message_id: '' });
    expect(await query('select from items')).toHaveLength(1);
  });
});

describe('what was sent and cannot be recorded for good', () => {
  /** Refuses such writes, and counts them: `tries` is not rolled back with them. */
  const refuse = async (table: string, when: string) => {
    await query('create sequence tries');
    await query(`create function refuse() returns trigger language plpgsql as $$
      begin
        if ${when} then
          perform nextval('tries');
          raise exception 'refused by the test';
        end if;
        return new;
      end $$`);
    await query(`create trigger refuse before insert or update on ${table} for each row execute function refuse()`);
  };
  const tries = async () => {
    const [row] = await query<{ tries: number }>('select (last_value * is_called::int)::int as tries from tries');
    return row?.tries;
  };

  it('is sent once and known as sent, without its place in the session that cannot take it', async () => {
    const platform = fakePlatform();
    await refuse('items', 'true');
    await start(platform);
    expect(await becomes(await leave(), 'sent')).toMatchObject({ message_id: 'm1', attempts: 1 });
    expect(await tries()).toBe(1);
    expect(texts(platform)).toHaveLength(1);
    expect(await query('select from items')).toEqual([]);
  });

  it('is judged as what a dead sender left, and what is behind it goes on', async () => {
    const platform = fakePlatform();
    await refuse('deliveries', `new.status = 'sent' and new.data #>> '{data,text}' = 'cursed'`);
    await start(platform);
    const cursed = await leave({ text: 'cursed' });
    const next = await leave({ text: 'next' });
    expect(await becomes(cursed, 'ambiguous')).toMatchObject({ last_error: 'its sender died while it sent' });
    await becomes(next, 'sent');
    expect(await tries()).toBe(2);
    expect(texts(platform)).toEqual(['cursed', 'next']);
  });

  it('is not recorded again and again by the same process where its judgement cannot be recorded either', async () => {
    const platform = fakePlatform();
    await refuse('deliveries', `new.status not in ('pending', 'sending') and new.data #>> '{data,text}' = 'cursed'`);
    await start(platform);
    const cursed = await leave({ text: 'cursed' });
    await waitFor('every way to be tried', async () => (await tries()) === 3);
    for (let number = 0; number < 5; number += 1) await becomes(await leave({ chat: `other ${number}` }), 'sent');
    expect(await tries()).toBe(3);
    expect(await rowOf(cursed)).toMatchObject({ status: 'sending' });
    expect(texts(platform).filter((text) => text === 'cursed')).toHaveLength(1);
  });
});
