-- Deliveries: each line is sent in order, each account by one worker, and what came of every one can be looked up.

alter table deliveries
  -- The account `<agent>/<name>` that it leaves through; '' for a webhook and the log.
  add column account text not null
    generated always as (case kind when 'account' then coalesce(destination ->> 'account', '') else '' end) stored,
  -- The scheme, host and port of a webhook, 'log' for the log; '' for a message through an account.
  add column origin text not null
    generated always as (
      case kind
        when 'webhook' then coalesce(lower(substring(destination ->> 'url' from '^[^/?#]*//[^/?#]*')), '')
        when 'log' then 'log'
        else ''
      end
    ) stored,
  -- That of the snapshot by which it was made: an older one may know neither its agent nor its account.
  add column sequence bigint not null default 0,
  -- True: the first of its line, the only one that may be sent. False: behind it. Null: not put into its line yet.
  add column head boolean,
  add column first_attempt_at timestamptz,
  -- What the idempotency key of its attempts is good with, such as one version of a token; '' when it is not known.
  add column key_scope text not null default '',
  -- It may have arrived at an account already: it is never called given up or expired, only ambiguous.
  add column unsure boolean not null default false,
  -- Attempts that do not count: those before it was sent again by hand, and those that its account, not itself, undid.
  add column attempts_before integer not null default 0,
  -- How long it may wait, once it was sent again by hand; null before.
  add column lifetime interval,
  -- How the platform calls what it took; '' where it has no name for it.
  add column message_id text not null default '',
  add column thread_id text not null default '';

drop index deliveries_open;
create unique index deliveries_head on deliveries (line) where head and status in ('pending', 'sending');
create index deliveries_new on deliveries (seq) where status = 'pending' and head is null;
create index deliveries_due on deliveries (account, origin, next_attempt_at) where status = 'pending' and head;
create index deliveries_expiry on deliveries (expires_at) where status = 'pending';
create index deliveries_sending on deliveries (worker) where status = 'sending';
create index deliveries_left on deliveries (status, kind) where status in ('ambiguous', 'dead', 'expired');
-- Ids sort by the time at which they were made.
drop index deliveries_by_agent;
create index deliveries_of_agent on deliveries (agent, id);
create index deliveries_of_job on deliveries (job_uid, id) where job_uid <> '';

-- Who sends for an account, as long as that worker's own lease holds. What is known of the account outlives the holder.
create table account_leases (
  -- `<agent>/<name>`
  account text primary key,
  worker uuid not null,
  -- Nothing is sent before this time: the platform asked for patience, or refuses the account.
  paused_until timestamptz,
  -- Set while the platform refuses the account, whatever the message.
  broken_since timestamptz,
  -- How often it was refused in a row.
  refusals integer not null default 0,
  last_error text not null default ''
);

-- Whoever changes which delivery is the first of a line holds this, to the end of the transaction.
create function lock_line(of_line text) returns void language sql as $$
  select pg_advisory_xact_lock(7215, hashtext(of_line))
$$;

-- Makes the oldest delivery of each line without a first its first. The caller holds the locks of the lines. One step
-- through an index for each line, whatever the statistics say: they know nothing of rows that live for milliseconds.
create function promote_deliveries(of_lines text[]) returns void language plpgsql as $$
declare
  next uuid[];
begin
  next := array(
    select (select n.id from deliveries n where n.line = l.line and n.status = 'pending' order by n.seq limit 1)
    from unnest(of_lines) as l (line)
    where (
      select h.id from deliveries h where h.line = l.line and h.head and h.status in ('pending', 'sending') limit 1
    ) is null);
  update deliveries d set head = true where d.id = any(next);
end
$$;

-- A delivery as its sender is told of it. `since_first`: seconds since its first attempt, by this clock alone. `taken_at`:
-- the real time in Unix seconds, by which webhooks are signed: a gateway's own clock may be wrong.
create function taken_delivery(d deliveries, now timestamptz) returns jsonb language sql stable as $$
  select jsonb_build_object('id', d.id, 'agent', d.agent, 'agent_uid', d.agent_uid, 'job_uid', d.job_uid,
    'target', d.target, 'line', d.line, 'kind', d.kind, 'origin', d.origin, 'destination', d.destination,
    'data', d.data, 'worker', d.worker, 'attempts', d.attempts, 'attempts_before', d.attempts_before,
    'key_scope', d.key_scope, 'unsure', d.unsure, 'last_error', d.last_error,
    'since_first', extract(epoch from now - d.first_attempt_at),
    'taken_at', extract(epoch from statement_timestamp()))
$$;

-- What one worker may do for deliveries now, by a snapshot with `taker_sequence`: what was made by a newer one is for others.
-- `at_work`: those that it is at. `busy_lines`: lines that must not be sent to
-- yet. `free`: how many webhooks it may take, `accounts_free`: how many messages through accounts. Of them `known_free` of
-- each of `known` accounts and origins, one of any other account, and `of_origin` of any other origin, the log included.
-- what:
--   gone    the worker has no lease; nothing was done
--   taken   to be sent now, once; the attempt is recorded
--   orphan  its sender died while it sent; whether it arrived is not known
create function take_deliveries(
  taker uuid,
  taker_sequence bigint,
  at_work uuid[],
  free integer,
  accounts_free integer,
  busy_lines text[],
  known text[],
  known_free integer[],
  of_origin integer
) returns table (what text, delivery jsonb) language plpgsql as $$
declare
  now timestamptz := talaria_now();
  lines text[];
  accounts text[];
  origins text[];
  jobs text[];
  ids uuid[];
begin
  if not exists (select from workers w where w.id = taker and w.lease_until > now) then
    return query select 'gone', null::jsonb;
    return;
  end if;

  -- The worker was given these and did not hear of it, so it has sent none of them.
  update deliveries d set status = 'pending', attempts = d.attempts - 1
  where d.status = 'sending' and d.worker = taker and d.id <> all(at_work);

  -- A line that is locked is looked at again by the next call.
  lines := array(
    select c.line
    from (
      (select d.line from deliveries d where d.status = 'pending' and d.head is null order by d.seq limit 200)
      union
      (select d.line from deliveries d where d.status = 'pending' and d.expires_at <= now order by d.expires_at limit 500)
    ) c
    where pg_try_advisory_xact_lock(7215, hashtext(c.line)));
  if cardinality(lines) > 0 then
    ids := array(
      select e.id from (
        select d.id, d.line from deliveries d
        where d.status = 'pending' and d.expires_at <= now order by d.expires_at limit 500
      ) e
      where e.line = any(lines));
    with expired as (
      update deliveries d
      set status = case when d.unsure then 'ambiguous' else 'expired' end,
        last_error = case when d.last_error = '' then 'it could not be sent in time' else d.last_error end
      where d.id = any(ids) and d.status = 'pending'
      returning d.job_uid
    )
    select array_agg(distinct e.job_uid) into jobs from expired e where e.job_uid <> '';
    perform promote_deliveries(lines);
    ids := array(
      select n.id from (
        select d.id, d.line from deliveries d where d.status = 'pending' and d.head is null order by d.seq limit 200
      ) n
      where n.line = any(lines));
    update deliveries d set head = false where d.id = any(ids) and d.status = 'pending' and d.head is null;
  end if;

  return query
  select 'orphan', taken_delivery(d, now) from deliveries d
  where d.status = 'sending' and d.worker <> taker and d.id <> all(at_work) and d.sequence <= taker_sequence
    and not exists (select from workers w where w.id = d.worker and w.lease_until > now)
  limit 100;

  -- One step through the index for each account, not for each delivery.
  accounts := array(
    with recursive open as (
      (select d.account from deliveries d where d.status = 'pending' and d.head and d.account > ''
        order by d.account limit 1)
      union all
      select (select d.account from deliveries d where d.status = 'pending' and d.head and d.account > open.account
        order by d.account limit 1)
      from open where open.account is not null
    )
    select open.account from open where open.account is not null);
  update account_leases l set worker = '00000000-0000-0000-0000-000000000000'
  where l.account = any(accounts) and l.worker = taker
    and (
      select d.sequence from deliveries d
      where d.account = l.account and d.origin = '' and d.status = 'pending' and d.head and d.next_attempt_at <= now
      order by d.next_attempt_at limit 1
    ) > taker_sequence;
  insert into account_leases as l (account, worker)
  select a.account, taker from unnest(accounts) as a (account)
  where (
      select held.account from account_leases held
      where held.account = a.account
        and (select w.lease_until from workers w where w.id = held.worker) > now
    ) is null
    and (
      select d.sequence from deliveries d
      where d.account = a.account and d.origin = '' and d.status = 'pending' and d.head and d.next_attempt_at <= now
      order by d.next_attempt_at limit 1
    ) <= taker_sequence
  on conflict (account) do update set worker = excluded.worker
  where not exists (select from workers w where w.id = l.worker and w.lease_until > now);
  accounts := array(
    select l.account from account_leases l
    where l.account = any(accounts) and l.worker = taker and (l.paused_until is null or l.paused_until <= now));

  origins := array(
    with recursive open as (
      (select d.origin from deliveries d where d.status = 'pending' and d.head and d.account = ''
        order by d.origin limit 1)
      union all
      select (select d.origin from deliveries d
        where d.status = 'pending' and d.head and d.account = '' and d.origin > open.origin
        order by d.origin limit 1)
      from open where open.origin is not null
    )
    select open.origin from open where open.origin is not null);
  with first as (
    select due.id, o.origin, due.next_attempt_at
    from unnest(origins) as o (origin)
    left join unnest(known, known_free) as k (name, free) on k.name = o.origin
    cross join lateral (
      select d.id, d.next_attempt_at from deliveries d
      where d.account = '' and d.origin = o.origin and d.status = 'pending' and d.head and d.next_attempt_at <= now
        and d.expires_at > now and d.sequence <= taker_sequence and d.line <> all(busy_lines)
      order by d.next_attempt_at limit greatest(coalesce(k.free, of_origin), 0)
      for update skip locked
    ) due
  )
  select array(select first.id from first where first.origin = 'log')
    || array(
      select first.id from first where first.origin <> 'log' order by first.next_attempt_at limit greatest(free, 0))
  into ids;
  ids := ids
    || array(
      select first.id
      from unnest(accounts) as a (account)
      left join unnest(known, known_free) as k (name, free) on k.name = a.account
      cross join lateral (
        select d.id from deliveries d
        where d.account = a.account and d.origin = '' and d.status = 'pending' and d.head and d.next_attempt_at <= now
          and d.expires_at > now and d.sequence <= taker_sequence and d.line <> all(busy_lines)
        order by d.next_attempt_at limit greatest(coalesce(k.free, 1), 0)
      ) first
      limit greatest(accounts_free, 0));
  return query
  with taken as (
    update deliveries d
    set status = 'sending', worker = taker, attempts = d.attempts + 1,
      first_attempt_at = coalesce(d.first_attempt_at, now)
    where d.id = any(ids) and d.status = 'pending' and d.head
    returning d.*
  )
  select 'taken', taken_delivery(taken, now) from taken order by taken.seq;

  if jobs is not null then
    perform 1 from cron_jobs j where j.uid = any(jobs) order by j.uid for update;
    update cron_jobs j set status_version = j.status_version + 1, status_urgent = true where j.uid = any(jobs);
  end if;
end
$$;

-- Stores what came of an attempt, where it still holds, and lets the next of the line be the first when this one is done.
-- `said`: the item that is added to the session of the chat, in the same transaction as the delivery is known as sent.
-- `account_pause`: seconds for which the account sends nothing, 0 for none; `account_broken`: the platform refuses it.
create function record_delivery(
  done uuid,
  of_agent text,
  of_line text,
  sender uuid,
  sent_attempt integer,
  outcome text,
  error text,
  delay_seconds double precision,
  sent_message text,
  sent_thread text,
  said jsonb,
  chat_kind text,
  fresh_session uuid,
  now_unsure boolean,
  account_pause double precision,
  account_broken boolean
) returns boolean language plpgsql as $$
declare
  d deliveries%rowtype;
  now timestamptz := talaria_now();
begin
  perform lock_line(of_line);
  update deliveries
  set status = outcome, last_error = error, message_id = sent_message, thread_id = sent_thread,
    next_attempt_at = least(now + make_interval(secs => delay_seconds), expires_at),
    unsure = unsure or now_unsure,
    attempts_before = attempts_before + case when account_broken or account_pause > 0 then 1 else 0 end,
    sent_at = case when outcome = 'sent' then now end
  where id = done and agent = of_agent and line = of_line and worker = sender and attempts = sent_attempt and status = 'sending'
  returning * into d;
  if not found then
    return false;
  end if;
  if outcome <> 'pending' then
    perform promote_deliveries(array[of_line]);
  end if;

  if d.account <> '' then
    if account_broken then
      update account_leases l
      set broken_since = coalesce(l.broken_since, now), last_error = error, refusals = l.refusals + 1,
        paused_until = now + make_interval(secs => least(300, 15 * 2 ^ least(l.refusals, 8)))
      where l.account = d.account;
    elsif account_pause > 0 then
      update account_leases l
      set paused_until = greatest(l.paused_until, now + make_interval(secs => account_pause)), last_error = error
      where l.account = d.account;
    elsif outcome = 'sent' then
      update account_leases l
      set broken_since = null, paused_until = null, refusals = 0, last_error = ''
      where l.account = d.account and (l.broken_since is not null or l.last_error <> '');
    end if;
  end if;
  if said is not null then
    perform append_delivered(d, said, chat_kind, fresh_session);
  end if;
  if d.job_uid <> '' then
    update cron_jobs j
    set status_version = j.status_version + 1, status_urgent = j.status_urgent or outcome in ('dead', 'ambiguous')
    where j.uid = d.job_uid;
  end if;
  return true;
end
$$;

-- Adds what was sent to the session of its chat, which no user has to himself. That is no use of the session: one that
-- nobody answers becomes idle and old as if nothing were sent. `chat_kind` is only for a chat of which nothing is known yet.
create function append_delivered(d deliveries, said jsonb, chat_kind text, fresh_session uuid) returns void
language plpgsql as $$
declare
  in_chat text := coalesce(d.destination ->> 'chatId', '');
  in_thread text := coalesce(nullif(d.thread_id, ''), d.destination ->> 'threadId', '');
  on_platform text := coalesce(d.destination ->> 'platform', '');
  known_kind text;
  number bigint;
  session uuid;
begin
  select s.chat_type into known_kind from sessions s
  where s.platform = on_platform and s.account = d.account and s.chat_id = in_chat and s.agent = d.agent
    and s.ended_at is null
  order by s.last_active_at desc limit 1;
  known_kind := coalesce(known_kind, chat_kind);
  -- Again where the session that is there ends at this moment.
  loop
    insert into sessions (id, agent, agent_uid, platform, account, chat_type, chat_id, thread_id, user_id, principal)
    values (fresh_session, d.agent, d.agent_uid, on_platform, d.account, known_kind, in_chat, in_thread, '', '')
    on conflict do nothing;
    update sessions s set last_seq = s.last_seq + 1
    where s.agent = d.agent and s.platform = on_platform and s.account = d.account and s.chat_type = known_kind
      and s.chat_id = in_chat and s.thread_id = in_thread and s.user_id = '' and s.principal = '' and s.name = ''
      and s.ended_at is null
    returning s.id, s.last_seq into session, number;
    exit when found;
  end loop;
  insert into items (session_id, seq, agent, run_id, type, data)
  values (session, number, d.agent, d.run_id, said ->> 'type', said);
end
$$;

-- Makes a delivery in one of these states wait again, at the end of its line. False: it is in another.
create function retry_delivery(retried uuid, of_agent text, from_states text[]) returns boolean language plpgsql as $$
declare
  job text;
begin
  update deliveries d
  set status = 'pending', head = null, seq = default, attempts_before = d.attempts, first_attempt_at = null,
    unsure = false, key_scope = '', next_attempt_at = talaria_now(), lifetime = coalesce(d.lifetime, d.expires_at - d.created_at),
    expires_at = talaria_now() + coalesce(d.lifetime, d.expires_at - d.created_at)
  where d.id = retried and d.agent = of_agent and d.status = any(from_states)
  returning d.job_uid into job;
  if not found then
    return false;
  end if;
  update cron_jobs j set status_version = j.status_version + 1 where j.uid = job;
  return true;
end
$$;

-- Makes a delivery in one of these states one that is never sent, and the next of its line the first. False: it is in
-- another.
create function discard_delivery(discarded uuid, of_agent text, from_states text[], why text) returns boolean
language plpgsql as $$
declare
  of_line text;
  job text;
begin
  select d.line into of_line from deliveries d where d.id = discarded and d.agent = of_agent;
  perform lock_line(of_line);
  update deliveries d set status = 'suppressed', last_error = why
  where d.id = discarded and d.agent = of_agent and d.status = any(from_states)
  returning d.job_uid into job;
  if not found then
    return false;
  end if;
  perform promote_deliveries(array[of_line]);
  update cron_jobs j set status_version = j.status_version + 1 where j.uid = job;
  return true;
end
$$;
