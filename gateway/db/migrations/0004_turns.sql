-- Turns: begin, continue, finish. Each function is one round trip and holds nothing once it returned.
--
-- A session that is looked for by id has its agent, principal and platform as `is not distinct from`, which no index serves:
-- until a table is analyzed for the first time, all its indexes look alike to the planner, and it would take one that reads
-- every session of the agent, principal or platform, and keep that plan.

-- What was delivered to the chat of a session that no user has to himself, among its newest 20 items; what its own turns
-- said is not.
create function delivered_items(shared uuid, of_agent text) returns setof items language sql stable as $$
  select newest.*
  from (select * from items i where i.session_id = shared and i.agent = of_agent order by i.seq desc limit 20) newest
  where not exists (
    select from runs r where r.id = newest.run_id and r.agent = of_agent and r.session_id = shared)
$$;

-- What a session said so far, `own`, which the caller found by its agent or principal: its newest `most` items, oldest first, and nothing that another agent said. With
-- the session of a chat comes what was delivered to that chat and is in a session that no user has to himself, its newest 20
-- messages, each before the first turn that ended after it, so that it never stands inside a turn. A chat is known by its id:
-- what type it has was not known when something was delivered to it before anybody wrote there.
create function session_history(own sessions, most integer) returns json language plpgsql stable as $$
declare
  shared uuid[] := '{}';
begin
  if own.platform not in ('api', 'cron') then
    -- With all columns of the index on the key, and its predicate.
    shared := array(
      select s.id from sessions s
      where s.agent = own.agent and s.platform = own.platform and s.account = own.account
        and s.chat_type in ('direct', 'group', 'channel') and s.chat_id = own.chat_id and s.thread_id = own.thread_id
        and s.user_id = '' and s.principal = '' and s.name = '' and s.ended_at is null
        and not (s.platform = 'api' and s.name = '') and s.id <> own.id);
  end if;
  if cardinality(shared) = 0 then
    return (
      select coalesce(json_agg(newest.data order by newest.seq), '[]')
      from (
        select i.seq, i.data from items i
        where i.session_id = own.id and i.agent = own.agent order by i.seq desc limit most
      ) newest);
  end if;
  return (
    with newest as (
      select i.seq, i.run_id, i.data, i.created_at from items i
      where i.session_id = own.id and i.agent = own.agent order by i.seq desc limit most
    ),
    turns as (
      select min(n.seq) as first_seq, min(n.created_at) as ended_at from newest n group by n.run_id
    ),
    delivered as (
      select d.data, d.created_at, d.seq
      from unnest(shared) as of_chat (id) cross join lateral delivered_items(of_chat.id, own.agent) d
      order by d.created_at desc, d.seq desc limit 20
    ),
    placed as (
      select n.data, n.seq as place, null::timestamptz as sent_at, n.seq from newest n
      union all
      select d.data, (select min(t.first_seq) from turns t where t.ended_at > d.created_at), d.created_at, d.seq
      from delivered d
    )
    select coalesce(json_agg(p.data order by p.place nulls last, p.sent_at nulls last, p.seq), '[]') from placed p);
end
$$;

-- Takes an Idempotency-Key. Null: it is the caller's now. Else the row of the one who has it.
create function take_idempotency_key(
  for_principal text, wanted_key text, for_agent text, request_hash text, for_run uuid, for_session uuid
) returns idempotency_keys language plpgsql as $$
declare
  taken idempotency_keys%rowtype;
begin
  loop
    insert into idempotency_keys (principal, key, agent, hash, run_id, session_id)
    values (for_principal, wanted_key, for_agent, request_hash, for_run, for_session)
    on conflict do nothing;
    if found then
      return null;
    end if;
    delete from idempotency_keys k
    where k.principal = for_principal and k.key = wanted_key and k.created_at < talaria_now() - interval '24 hours';
    if not found then
      select * into taken from idempotency_keys k where k.principal = for_principal and k.key = wanted_key;
      if found then
        return taken;
      end if;
    end if;
  end loop;
end
$$;

-- Makes the key of a run that never started free again: only what began is repeated.
create function release_idempotency_key(of_principal text, of_run uuid) returns boolean language sql as $$
  with released as (
    delete from idempotency_keys k where k.principal = of_principal and k.run_id = of_run returning 1
  )
  select exists (select from released)
$$;

-- Begins one run. session_kind says which session it belongs to:
--   id      the live API session `wanted_session` of this principal, if it has the name that is wanted, where one is
--   name    this principal's live API session of that name, made when there is none
--   key     the live session of a chat, made when there is none
--   new     a session without a name, made now
--   none    no session
-- A session that was idle for idle_seconds ends and, where it may be made, is made anew; one that no user has to himself
-- with what was delivered to its chat since it was last used. With at_seq the run goes on from that item: when the session
-- is further, or at work, it is forked there, and the run belongs to the fork.
-- outcome:
--   started      the run is active, `history` is what was said before
--   queued       another run is active, or the run is for a worker in the background
--   busy         another run is active and the policy is Reject, or too many wait already
--   other_agent  the session belongs to `session_agent`; nothing was written
--   missing      no live session of this id and principal
--   twin         the Idempotency-Key belongs to `first_run`, of `session_agent`; nothing was written
--   conflict     the Idempotency-Key belongs to another request; nothing was written
-- A run of an open request is committed asynchronously: a begin that a crash of the database loses is a turn whose finish
-- then fails. What was promised to happen later, or once, is durable.
create function begin_run(
  session_kind text,
  wanted_session uuid,
  wanted_name text,
  fresh_session uuid,
  run_agent text,
  run_agent_uid text,
  run_generation bigint,
  run_sequence bigint,
  run_route text,
  run_rule text,
  run_trigger text,
  run_principal text,
  chat_platform text,
  chat_account text,
  chat_kind text,
  chat text,
  chat_thread text,
  chat_user text,
  new_run uuid,
  run_worker uuid,
  run_input jsonb,
  run_foreground boolean,
  policy text,
  most_waiting integer,
  most_history integer,
  idle_seconds integer,
  idempotency_key text,
  request_hash text,
  at_seq bigint,
  new_response uuid,
  previous_response uuid,
  response_request jsonb
) returns table (outcome text, found_session uuid, session_agent text, history json, first_run uuid) language plpgsql as $$
declare
  session sessions%rowtype;
  idle sessions%rowtype;
  taken idempotency_keys%rowtype;
  is_active boolean := false;
  waiting integer := 0;
  waits boolean;
  moment timestamptz;
begin
  if run_foreground and idempotency_key = '' then
    perform set_config('synchronous_commit', 'off', true);
  end if;

  if idempotency_key <> '' then
    taken := take_idempotency_key(run_principal, idempotency_key, run_agent, request_hash, new_run, null);
    if taken.principal is not null then
      return query select case when taken.hash = request_hash then 'twin' else 'conflict' end, taken.session_id, taken.agent,
        null::json, taken.run_id;
      return;
    end if;
  end if;

  if session_kind <> 'none' then
    loop
      session := null;
      if session_kind = 'id' then
        select * into session from sessions s
        where s.id = wanted_session and s.principal is not distinct from run_principal
          and s.platform is not distinct from 'api' and s.ended_at is null and (wanted_name = '' or s.name = wanted_name)
        for update;
      elsif session_kind = 'name' then
        select * into session from sessions s
        where s.principal = run_principal and s.name = wanted_name and s.platform = 'api' and s.name <> ''
          and s.ended_at is null
        for update;
      elsif session_kind = 'key' then
        select * into session from sessions s
        where s.agent = run_agent and s.platform = chat_platform and s.account = chat_account and s.chat_type = chat_kind
          and s.chat_id = chat and s.thread_id = chat_thread and s.user_id = chat_user and s.principal = run_principal
          and s.name = '' and s.ended_at is null
        for update;
      end if;
      if session.id is not null and idle_seconds is not null and session.agent = run_agent
        and session.last_active_at < talaria_now() - make_interval(secs => idle_seconds)
        and not exists (
          select from runs r
          where r.session_id = session.id and r.status in ('queued', 'running', 'waiting_for_approval', 'stopping'))
      then
        update sessions s set ended_at = talaria_now() where s.id = session.id;
        idle := session;
        session := null;
      end if;
      exit when session.id is not null or session_kind = 'id';
      insert into sessions (id, agent, agent_uid, platform, account, chat_type, chat_id, thread_id, user_id, principal, name)
      values (fresh_session, run_agent, run_agent_uid, chat_platform, chat_account, chat_kind, chat, chat_thread, chat_user,
        run_principal, case session_kind when 'name' then wanted_name else '' end)
      on conflict do nothing
      returning * into session;
      exit when session.id is not null;
    end loop;

    if idle.id is not null and session_kind = 'key' and chat_user = '' and session.id = fresh_session then
      with carried as (
        insert into items (session_id, seq, agent, run_id, type, data, created_at)
        select session.id, row_number() over (order by d.seq), d.agent, d.run_id, d.type, d.data, d.created_at
        from delivered_items(idle.id, run_agent) d where d.created_at > idle.last_active_at
        returning 1
      )
      update sessions s set last_seq = (select count(*) from carried)
      where s.id = session.id and s.agent = run_agent
      returning s.* into session;
    end if;

    if session.id is null or session.agent <> run_agent then
      if idempotency_key <> '' then
        perform release_idempotency_key(run_principal, new_run);
      end if;
      return query select case when session.id is null then 'missing' else 'other_agent' end, session.id,
        coalesce(session.agent, ''), null::json, null::uuid;
      return;
    end if;

    -- Two questions, each with the very predicate of its partial index.
    is_active := exists (
      select from runs r
      where r.session_id = session.id and r.status in ('running', 'waiting_for_approval', 'stopping')
    );
    waiting := (select count(*) from runs r where r.session_id = session.id and r.status = 'queued');

    if at_seq is not null and (is_active or waiting > 0 or session.last_seq <> at_seq) then
      session := fork_session(session.id, at_seq, fresh_session);
      is_active := false;
      waiting := 0;
    end if;

    if (is_active or waiting > 0) and policy = 'Interrupt' then
      with cancelled as (
        update runs r
        set status = 'cancelled', finished_at = talaria_now(), error_code = 'run_interrupted',
          error_message = 'a newer message of its session took its place'
        where r.session_id = session.id and r.status = 'queued'
        returning r.*
      )
      select count(release_idempotency_key(cancelled.principal, cancelled.id)) into waiting from cancelled;
      update runs r
      set status = 'stopping', stop_by = talaria_now() + interval '1 minute', error_code = 'run_interrupted',
        error_message = 'a newer message of its session interrupted it'
      where r.session_id = session.id and r.status in ('running', 'waiting_for_approval');
    elsif (is_active or waiting > 0) and (policy = 'Reject' or waiting >= most_waiting) then
      if idempotency_key <> '' then
        perform release_idempotency_key(run_principal, new_run);
      end if;
      return query select 'busy', session.id, session.agent, null::json, null::uuid;
      return;
    end if;
  end if;

  waits := is_active or waiting > 0 or not run_foreground;
  -- Not before the session is locked: its runs wait in the order of this time.
  moment := talaria_now();
  insert into runs (id, agent, agent_uid, agent_generation, sequence, route, rule, session_id, trigger, principal, status,
    foreground, input, attempt, effects_started, worker, start_after, created_at, started_at, response_id)
  values (new_run, run_agent, run_agent_uid, run_generation, run_sequence, run_route, run_rule, session.id, run_trigger,
    run_principal, case when waits then 'queued' else 'running' end, run_foreground, run_input,
    case when run_foreground then 1 else 0 end, run_foreground, case when run_foreground then run_worker end,
    moment, moment, case when waits then null else moment end, new_response);
  if new_response is not null then
    insert into responses (id, agent, principal, session_id, run_id, previous_id, request)
    values (new_response, run_agent, run_principal, session.id, new_run, previous_response, response_request);
  end if;

  return query select case when waits then 'queued' else 'started' end, session.id, run_agent,
    case when waits or session.id is null then null else session_history(session, most_history) end, null::uuid;
end
$$;

-- A new session with what the old one said up to `up_to`, of the same agent and principal. The old one is not changed.
create function fork_session(old uuid, up_to bigint, fresh uuid) returns sessions language plpgsql as $$
declare
  made sessions%rowtype;
begin
  insert into sessions (id, agent, agent_uid, platform, account, chat_type, chat_id, thread_id, user_id, principal, title,
    parent_id, last_seq)
  select fresh, s.agent, s.agent_uid, 'api', s.account, s.chat_type, s.chat_id, s.thread_id, s.user_id, s.principal, s.title,
    s.id, least(up_to, s.last_seq)
  from sessions s where s.id = old
  returning * into made;
  insert into items (session_id, seq, agent, run_id, type, data, created_at)
  select fresh, i.seq, i.agent, i.run_id, i.type, i.data, i.created_at
  from items i where i.session_id = old and i.seq <= up_to;
  return made;
end
$$;

-- Starts a queued run of this worker when no other run of its session is active and none has waited longer.
-- outcome: started, queued (not yet) or gone (it was cancelled).
create function continue_run(waiting_run uuid, run_worker uuid, most_history integer)
returns table (outcome text, history json) language plpgsql as $$
declare
  run runs%rowtype;
  session sessions%rowtype;
begin
  perform set_config('synchronous_commit', 'off', true);
  select * into run from runs r where r.id = waiting_run;
  select * into session from sessions s where s.id = run.session_id and s.agent is not distinct from run.agent for update;
  select * into run from runs r where r.id = waiting_run and r.worker = run_worker and r.status = 'queued' for update;
  if not found or run.session_id is distinct from session.id then
    return query select 'gone', null::json;
    return;
  end if;
  if exists (
    select from runs r
    where r.session_id = run.session_id and r.status in ('running', 'waiting_for_approval', 'stopping')
  ) or exists (
    select from runs r
    where r.session_id = run.session_id and r.status = 'queued' and (r.created_at, r.id) < (run.created_at, run.id)
  ) then
    return query select 'queued', null::json;
    return;
  end if;
  update runs r set status = 'running', started_at = talaria_now() where r.id = run.id;
  return query select 'started', session_history(session, most_history);
end
$$;

-- Ends a run: its outcome, and, when it has one, what was said, input first. Durable once it returns. Only the worker and
-- attempt that run it may end it. True when the run now stands as this call wants it, also when an earlier call whose
-- answer was lost did it; false when the run was taken from this worker. waiting_session: the run's session, when another run
-- waits for it.
create function finish_turn(
  ended_run uuid,
  run_worker uuid,
  run_attempt integer,
  end_status text,
  end_output jsonb,
  end_reason text,
  end_usage jsonb,
  end_model text,
  end_cost numeric,
  end_currency text,
  end_error_code text,
  end_error_message text,
  end_outbox jsonb,
  end_replaces text[]
) returns table (done boolean, waiting_session uuid) language plpgsql as $$
declare
  run runs%rowtype;
  said jsonb;
  before bigint;
  moment timestamptz;
begin
  -- Before the run: who begins locks in this order too, and sees the run either active or gone, never in between.
  perform 1 from sessions s where s.id = (select r.session_id from runs r where r.id = ended_run) for update;
  -- Not before the session is locked: what is delivered to its chat is placed among its turns by this time.
  moment := talaria_now();
  update runs r
  set status = end_status, output = end_output, finish_reason = end_reason, usage = end_usage, model = end_model,
    cost = end_cost, currency = end_currency, finished_at = moment,
    started_at = coalesce(r.started_at, case when end_status = 'completed' then moment end),
    error_code = case when end_status = 'completed' then null else coalesce(r.error_code, end_error_code) end,
    error_message = case when end_status = 'completed' then null else coalesce(r.error_message, end_error_message) end
  where r.id = ended_run and r.worker = run_worker and r.attempt = run_attempt
    and (r.status in ('running', 'waiting_for_approval', 'stopping')
      -- A crash of the database may have lost that it was started.
      or (r.status = 'queued' and (end_status = 'cancelled' or r.foreground)))
  returning * into run;
  if not found then
    -- A result that comes too late is kept with the run, and is nobody's answer.
    update runs r
    set output = end_output, usage = end_usage, model = end_model, cost = end_cost, currency = end_currency
    where r.id = ended_run and r.attempt = run_attempt and (r.worker = run_worker or r.worker is null)
      and r.status = 'unknown' and r.output is null and end_status = 'completed';
    return query select exists (
      select 1 from runs r
      where r.id = ended_run and r.worker = run_worker and r.attempt = run_attempt and r.status = end_status
    ), null::uuid;
    return;
  end if;
  if end_outbox is not null then
    insert into deliveries (id, run_id, agent, agent_uid, target, part, parts, line, kind, destination, data, status,
      last_error, sequence, expires_at)
    select d.id, run.id, run.agent, run.agent_uid, d.target, d.part, d.parts, d.line, d.kind, d.destination, d.data, d.status,
      d.last_error, d.sequence, talaria_now() + make_interval(secs => d.expire_after_seconds)
    from jsonb_to_recordset(end_outbox) as d(id uuid, target text, part integer, parts integer, line text, kind text,
      destination jsonb, data jsonb, status text, last_error text, sequence bigint,
      expire_after_seconds integer);
  end if;
  -- One whose begin had no answer was refused to its client, who may ask again.
  if run.started_at is null or (end_status = 'cancelled' and end_error_code = 'state_unavailable') then
    perform release_idempotency_key(run.principal, run.id);
  end if;
  if run.session_id is null then
    return query select true, null::uuid;
    return;
  end if;
  if exists (select from runs r where r.session_id = run.session_id and r.status = 'queued') then
    waiting_session := run.session_id;
  end if;
  done := true;
  return next;
  if end_output is null then
    return;
  end if;
  if end_replaces is not null then
    delete from items i
    where i.session_id = run.session_id and i.agent = run.agent and i.data ->> 'id' = any(end_replaces)
      -- What was delivered to the chat is no part of an answer.
      and exists (select from runs r where r.id = i.run_id and r.agent = run.agent and r.session_id = run.session_id);
  end if;
  said := (run.input -> 'items') || end_output;
  update sessions s
  set last_seq = s.last_seq + jsonb_array_length(said), last_active_at = moment
  where s.id = run.session_id and s.agent is not distinct from run.agent
  returning s.last_seq - jsonb_array_length(said) into before;
  if found then
    insert into items (session_id, seq, agent, run_id, type, data, created_at)
    select run.session_id, before + item.ordinality, run.agent, run.id, item.value ->> 'type', item.value, moment
    from jsonb_array_elements(said) with ordinality as item;
    if run.response_id is not null then
      update responses p set last_seq = before + jsonb_array_length(said)
      where p.id = run.response_id and p.agent = run.agent;
    end if;
  end if;
end
$$;
