-- What Agents keep in the workspace of their home, and the files that were seeded there, as bounded rows. A file belongs to
-- the Agent's name and outlives the object; who wrote it last is recorded.

-- What an Agent has. Whoever changes files locks this row first, so that two replicas count one after the other.
create table file_totals (
  agent text primary key,
  files integer not null default 0,
  bytes bigint not null default 0,
  constraint file_totals_files check (files <= 2000),
  constraint file_totals_bytes check (bytes <= 67108864)
);

create table files (
  agent text not null,
  agent_uid text not null,
  -- Relative to the home of the Agent. The collation makes the files of a folder one range.
  path text collate "C" not null,
  content bytea not null,
  updated_at timestamptz not null default talaria_now(),
  primary key (agent, path),
  constraint files_content check (octet_length(content) <= 1048576)
);
alter table files alter column content set storage external;

-- Files with the policy Seed that were written once. The Agent may have changed or deleted them since.
create table seeded_files (
  agent text not null,
  agent_uid text not null,
  path text collate "C" not null,
  seeded_at timestamptz not null default talaria_now(),
  primary key (agent, path)
);

create function count_file() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    update file_totals t set files = t.files - 1, bytes = t.bytes - octet_length(old.content) where t.agent = old.agent;
  end if;
  if tg_op <> 'DELETE' then
    insert into file_totals as t (agent, files, bytes) values (new.agent, 1, octet_length(new.content))
    on conflict (agent) do update set files = t.files + 1, bytes = t.bytes + excluded.bytes;
  end if;
  return null;
end
$$;
create trigger count_file after insert or update or delete on files for each row execute function count_file();

create function lock_files(of_agent text) returns void language plpgsql as $$
begin
  insert into file_totals (agent) values (of_agent) on conflict do nothing;
  perform from file_totals t where t.agent = of_agent for update;
end
$$;

-- Writes one file. outcome:
--   written
--   folder      the path is a folder of another file
--   below_file  a folder of the path is a file: `other`
create function write_file(of_agent text, of_agent_uid text, at_path text, new_content bytea)
returns table (outcome text, other text) language plpgsql as $$
declare
  parts text[] := string_to_array(at_path, '/');
begin
  perform lock_files(of_agent);
  -- '0' is the character after '/'.
  select f.path into other from files f
  where f.agent = of_agent and f.path > (at_path || '/') collate "C" and f.path < (at_path || '0') collate "C" limit 1;
  if found then
    return query select 'folder', other;
    return;
  end if;
  select f.path into other from files f
  where f.agent = of_agent and f.path = any (
    select array_to_string(parts[:depth], '/') from generate_series(1, cardinality(parts) - 1) as depth)
  limit 1;
  if found then
    return query select 'below_file', other;
    return;
  end if;
  insert into files as f (agent, agent_uid, path, content) values (of_agent, of_agent_uid, at_path, new_content)
  on conflict (agent, path) do update
  set content = excluded.content, agent_uid = excluded.agent_uid, updated_at = talaria_now();
  return query select 'written', null::text;
end
$$;

create function remove_file(of_agent text, at_path text) returns boolean language plpgsql as $$
begin
  perform lock_files(of_agent);
  delete from files f where f.agent = of_agent and f.path = at_path;
  return found;
end
$$;

-- Writes a file that was never seeded before, unless there is one. False: it was seeded before.
create function seed_file(of_agent text, of_agent_uid text, at_path text, new_content bytea) returns boolean
language plpgsql as $$
begin
  perform lock_files(of_agent);
  insert into seeded_files (agent, agent_uid, path) values (of_agent, of_agent_uid, at_path) on conflict do nothing;
  if not found then
    return false;
  end if;
  if not exists (select from files f where f.agent = of_agent and f.path = at_path) then
    perform write_file(of_agent, of_agent_uid, at_path, new_content);
  end if;
  return true;
end
$$;
