-- Turns of API sessions. Each function is one round trip and holds nothing once it returned.

-- The newest live session of a conversation keeps its agent under a rule that splits.
create index sessions_conversation on sessions (platform, account, chat_id, thread_id, last_active_at desc)
  where ended_at is null;
create index runs_waiting on runs (session_id, created_at, id) where status = 'queued';

-- What a session said so far, its newest `most` items, oldest first.
create function session_history(session uuid, most integer) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(data order by seq), '[]')
  from (select seq, data from items where session_id = session order by seq desc limit most) newest
$$;

-- Begins one turn of one session: locks the session, makes it when it is asked for by a name that is free, and starts the
-- run or puts it in the queue. outcome:
--   started      the run is active, `history` is what was said before
--   queued       another turn is active; continue_turn starts this run when its time has come
--   busy         another turn is active and the caller does not wait, or too many wait already
--   other_agent  the session belongs to `session_agent`; nothing was written
--   missing      no live session of this id and principal
-- It is committed asynchronously: a begin that a crash of the database loses is a turn whose finish then fails.
create function begin_turn(
  wanted_session uuid,
  wanted_name text,
  fresh_session uuid,
  turn_agent text,
  turn_agent_uid text,
  turn_generation bigint,
  turn_sequence bigint,
  turn_route text,
  turn_rule text,
  turn_principal text,
  turn_chat_id text,
  turn_thread_id text,
  turn_user_id text,
  turn_run uuid,
  turn_worker uuid,
  turn_input jsonb,
  waits boolean,
  most_waiting integer,
  most_history integer
) returns table (outcome text, session_id uuid, session_agent text, history jsonb) language plpgsql as $$
declare
  session sessions%rowtype;
  is_active boolean;
  waiting integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  loop
    if wanted_session is not null then
      select * into session from sessions s
      where s.id = wanted_session and s.principal = turn_principal and s.platform = 'api' and s.ended_at is null
      for update;
      exit;
    end if;
    select * into session from sessions s
    where s.principal = turn_principal and s.name = wanted_name and s.platform = 'api' and s.name <> ''
      and s.ended_at is null
    for update;
    exit when found;
    insert into sessions (id, agent, agent_uid, platform, chat_id, thread_id, user_id, principal, name)
    values (fresh_session, turn_agent, turn_agent_uid, 'api', turn_chat_id, turn_thread_id, turn_user_id,
      turn_principal, wanted_name)
    on conflict do nothing
    returning * into session;
    exit when found;
  end loop;

  if session.id is null then
    return query select 'missing', null::uuid, '', null::jsonb;
    return;
  end if;
  if session.agent <> turn_agent then
    return query select 'other_agent', session.id, session.agent, null::jsonb;
    return;
  end if;

  -- Two questions, each with the very predicate of its partial index.
  is_active := exists (
    select from runs r
    where r.session_id = session.id and r.status in ('running', 'waiting_for_approval', 'stopping')
  );
  waiting := (select count(*) from runs r where r.session_id = session.id and r.status = 'queued');

  if (is_active or waiting > 0) and (not waits or waiting >= most_waiting) then
    return query select 'busy', session.id, session.agent, null::jsonb;
    return;
  end if;

  insert into runs (id, agent, agent_uid, agent_generation, sequence, route, rule, session_id, trigger, principal, status,
    foreground, input, attempt, effects_started, worker, started_at)
  values (turn_run, turn_agent, turn_agent_uid, turn_generation, turn_sequence, turn_route, turn_rule, session.id, 'api',
    turn_principal, case when is_active or waiting > 0 then 'queued' else 'running' end, true, turn_input, 1, true,
    turn_worker, case when is_active or waiting > 0 then null else talaria_now() end);

  if is_active or waiting > 0 then
    return query select 'queued', session.id, session.agent, null::jsonb;
  else
    return query select 'started', session.id, session.agent, session_history(session.id, most_history);
  end if;
end
$$;

-- Starts a queued turn of this worker when no other turn of its session is active and none has waited longer.
-- outcome: started, queued (not yet) or gone (it was cancelled).
create function continue_turn(turn_run uuid, turn_worker uuid, most_history integer)
returns table (outcome text, history jsonb) language plpgsql as $$
declare
  run runs%rowtype;
begin
  perform set_config('synchronous_commit', 'off', true);
  select * into run from runs r where r.id = turn_run;
  perform 1 from sessions s where s.id = run.session_id for update;
  select * into run from runs r where r.id = turn_run and r.worker = turn_worker and r.status = 'queued' for update;
  if not found then
    return query select 'gone', null::jsonb;
    return;
  end if;
  if exists (
    select from runs r
    where r.session_id = run.session_id and r.status in ('running', 'waiting_for_approval', 'stopping')
  ) or exists (
    select from runs r
    where r.session_id = run.session_id and r.status = 'queued' and (r.created_at, r.id) < (run.created_at, run.id)
  ) then
    return query select 'queued', null::jsonb;
    return;
  end if;
  update runs set status = 'running', started_at = talaria_now() where id = run.id;
  return query select 'started', session_history(run.session_id, most_history);
end
$$;

-- Ends a turn: its outcome, and, when it has one, what was said, input first. Durable once it returns. Only the worker and
-- attempt that run it may end it. True when the turn now stands as this call wants it, also when an earlier call whose
-- answer was lost did it; false when the run was taken from this worker.
create function finish_turn(
  turn_run uuid,
  turn_worker uuid,
  turn_attempt integer,
  turn_status text,
  turn_output text,
  turn_output_items jsonb,
  turn_usage jsonb,
  turn_model text,
  turn_error_code text,
  turn_error_message text
) returns boolean language plpgsql as $$
declare
  run runs%rowtype;
  said jsonb;
  before bigint;
begin
  update runs r
  set status = turn_status, output_text = turn_output, usage = turn_usage, model = turn_model,
    error_code = turn_error_code, error_message = turn_error_message, finished_at = talaria_now()
  where r.id = turn_run and r.worker = turn_worker and r.attempt = turn_attempt
    and (r.status in ('running', 'waiting_for_approval', 'stopping')
      or (r.status = 'queued' and turn_status = 'cancelled'))
  returning * into run;
  if not found then
    return exists (
      select 1 from runs r
      where r.id = turn_run and r.worker = turn_worker and r.attempt = turn_attempt and r.status = turn_status
    );
  end if;
  if turn_output_items is null then
    return true;
  end if;
  said := (run.input -> 'items') || turn_output_items;
  update sessions s
  set last_seq = s.last_seq + jsonb_array_length(said), last_active_at = talaria_now()
  where s.id = run.session_id
  returning s.last_seq - jsonb_array_length(said) into before;
  if found then
    insert into items (session_id, seq, agent, run_id, type, data)
    select run.session_id, before + item.ordinality, run.agent, run.id, item.value ->> 'type', item.value
    from jsonb_array_elements(said) with ordinality as item;
  end if;
  return true;
end
$$;
