-- Bounds that hold over all replicas without a write per request: a replica leases a slice of a bound and hands it out by
-- itself. One row per bound: an Agent's has agent and no principal, a key's has its principal and no agent.
create table limit_meters (
  agent text not null,
  principal text not null,
  bound text not null check (bound in ('requestsPerMinute', 'tokensPerDay', 'maxConcurrentRuns')),
  -- The window in force and what of it is leased or used. maxConcurrentRuns has none: its row is only what callers lock.
  starts_at timestamptz not null default to_timestamp(0),
  taken bigint not null default 0,
  primary key (agent, principal, bound)
);

-- How many runs of an Agent a worker may have at once. They are free again when the worker's lease ends.
create table limit_slots (
  agent text not null,
  worker uuid not null,
  slots bigint not null,
  primary key (agent, worker)
);

-- Leases a slice of each bound that is asked for, in one round trip; the rows come in any order and `place` says whose
-- they are. `asked_carried` is for a window what was used beyond the last slice, or below zero what is given back, and
-- counts only in the window `asked_windows` (null: in any); for maxConcurrentRuns the slots that the worker has already.
-- granted: null when the worker has no lease. window_start: seconds since 1970.
create function lease_limits(
  asked_agents text[],
  asked_principals text[],
  asked_bounds text[],
  asked_maxima bigint[],
  asked_wanted bigint[],
  asked_carried bigint[],
  asked_windows bigint[],
  asked_workers uuid[]
) returns table (place bigint, granted bigint, remaining bigint, window_start bigint, ends_in_ms double precision)
language plpgsql as $$
declare
  ask record;
  meter limit_meters%rowtype;
  now timestamptz;
  starts timestamptz;
  used bigint;
begin
  -- One order for all callers, so that none waits for another in a circle.
  for ask in
    select * from unnest(asked_agents, asked_principals, asked_bounds, asked_maxima, asked_wanted, asked_carried,
      asked_windows, asked_workers) with ordinality
      as a (agent, principal, bound, maximum, wanted, carried, window_start, worker, place)
    order by a.agent, a.principal, a.bound
  loop
    insert into limit_meters (agent, principal, bound) values (ask.agent, ask.principal, ask.bound)
    on conflict do nothing;
    select * into meter from limit_meters m
    where m.agent = ask.agent and m.principal = ask.principal and m.bound = ask.bound for update;
    -- Read once the row is locked: no caller sees an earlier window than the one before it.
    now := talaria_now();
    place := ask.place;

    if ask.bound = 'maxConcurrentRuns' then
      window_start := null;
      ends_in_ms := null;
      granted := null;
      remaining := 0;
      delete from limit_slots s
      where s.agent = ask.agent
        and not exists (select from workers w where w.id = s.worker and w.lease_until > now);
      if exists (select from workers w where w.id = ask.worker and w.lease_until > now) then
        used := ask.carried + (
          select coalesce(sum(s.slots), 0) from limit_slots s where s.agent = ask.agent and s.worker <> ask.worker
        );
        granted := greatest(0, least(ask.wanted, ask.maximum - used));
        remaining := greatest(0, ask.maximum - used - granted);
        insert into limit_slots (agent, worker, slots) values (ask.agent, ask.worker, ask.carried + granted)
        on conflict (agent, worker) do update set slots = excluded.slots;
      end if;
    else
      starts := date_trunc(case ask.bound when 'requestsPerMinute' then 'minute' else 'day' end, now, 'UTC');
      window_start := extract(epoch from starts);
      used := case when meter.starts_at = starts then meter.taken else 0 end
        + case when coalesce(ask.window_start, window_start) = window_start then ask.carried else 0 end;
      granted := greatest(0, least(ask.wanted, ask.maximum - used));
      remaining := greatest(0, ask.maximum - used - granted);
      ends_in_ms := 1000 * extract(epoch from
        starts + case ask.bound when 'requestsPerMinute' then interval '1 minute' else interval '24 hours' end - now);
      update limit_meters m set starts_at = starts, taken = greatest(0, used + granted)
      where m.agent = ask.agent and m.principal = ask.principal and m.bound = ask.bound;
    end if;
    return next;
  end loop;
end
$$;
