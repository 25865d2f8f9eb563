-- What is known of accounts, as the status of their Agents tells it.

alter table account_leases
  -- The versions of its credentials that the platform refused; '' when they are not known.
  add column refused_scope text not null default '';

-- The gateways' part of the status of an Agent, as it was written last.
create table agent_statuses (
  agent text primary key,
  agent_uid text not null,
  status jsonb not null
);
