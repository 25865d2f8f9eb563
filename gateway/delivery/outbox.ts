import { newId, toWire } from '../../core/lib/id.ts';
import type { DeliverTarget } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import type { JobRun } from '../job-runs/job-run.ts';
import { findAccount } from './account-access.ts';
import type { DeliveryBody } from './delivery.ts';
import { type Cut, chatParts, logParts, type Parts, webhookParts } from './parts.ts';
import type { TargetId } from './signing-secrets.ts';
import type { PlatformSender, PlatformSenders } from './targets/platform.ts';
import { platformSenders } from './targets/platforms.ts';

/** How a scheduled run ended, as its targets are told. */
export type RunEnding =
  | { readonly outcome: 'completed'; readonly text: string }
  | { readonly outcome: 'failed'; readonly code: string; readonly message: string };

/** A row of `deliveries`, its members named as the columns are. `expire_after_seconds` counts from its insertion. */
export interface OutboxRow {
  readonly id: string;
  readonly target: TargetId;
  readonly part: number;
  readonly parts: number;
  /** What must arrive in order: the chat of an account, or one target of a CronJob or run. */
  readonly line: string;
  readonly kind: 'webhook' | 'log' | 'account';
  readonly destination: object;
  readonly data: DeliveryBody;
  readonly status: 'pending' | 'suppressed' | 'dead';
  /** Why it is not to be sent; '' for one that is. */
  readonly last_error: string;
  /** Of the snapshot by which it was made; a sender with an older one does not take it. */
  readonly sequence: number;
  readonly expire_after_seconds: number;
}

/** What the rows depend on besides the run. */
export interface OutboxOptions {
  /** Which account is of which platform. */
  readonly table: Table;
  /** Unix milliseconds. */
  readonly now: number;
  /** How platforms cut and convert; default: those of this version. */
  readonly senders?: PlatformSenders;
  /** How much text all rows of the run may have together, in UTF-16 units; each target may have the same share of it. */
  readonly mostText?: number;
}

/** Small enough to be stored in one statement with the result itself. */
const mostTextOfRun = 8 * 1024 * 1024;

/** What a run sends: its text to `deliver`, or its error to `onFailure.deliver`; one row for each part. */
export function outboxRows(run: JobRun, ending: RunEnding, options: OutboxOptions): OutboxRow[] {
  const { job } = run.input;
  const done = ending.outcome === 'completed';
  const text = done ? ending.text : `CronJob ${job.name} failed: ${ending.code}: ${ending.message}`;
  const message: Message = {
    text,
    silent: done && text.trim() === job.silenceMarker,
    about: {
      agent: run.agent,
      cronJob: job.name,
      runId: toWire('run', run.id),
      scheduledTime: run.slot.toISOString(),
      outcome: ending.outcome,
    },
  };
  const list = done ? 'deliver' : 'failure';
  const targets = (done ? job.deliver : job.onFailure.deliver).map((target): Target => {
    const id: TargetId = `${list}/${target.name}`;
    return { id, line: `${run.jobUid}/${id}`, ...target };
  });
  return rowsOfAll(targets, message, options);
}

/** What a request may ask its result to be delivered to. An account without a slash is the agent's own. */
export type RequestedTarget = { readonly log: true } | RequestedChat;

interface RequestedChat {
  readonly account: string;
  readonly chatId: string;
  readonly threadId?: string | undefined;
}

/** What a completed run of a request sends. */
export function requestOutboxRows(
  run: { readonly id: string; readonly agent: string },
  targets: readonly RequestedTarget[],
  text: string,
  options: OutboxOptions,
): OutboxRow[] {
  const runId = toWire('run', run.id);
  const message: Message = { text, silent: false, about: { agent: run.agent, runId, outcome: 'completed' } };
  const asked = targets.map((target, at): Target => {
    const id: TargetId = `deliver/${at}`;
    const common = { id, line: `${runId}/${id}`, expireAfterSeconds };
    return { ...common, ...('log' in target ? target : withOwner(target, run.agent)) };
  });
  return rowsOfAll(asked, message, options);
}

/** As CronJobs have it by default. */
const expireAfterSeconds = 3_600;

/** A chat by the whole name of its account. */
export function withOwner(target: RequestedChat, agent: string): RequestedChat {
  return target.account.includes('/') ? target : { ...target, account: `${agent}/${target.account}` };
}

/** One text for all targets of a run. */
interface Message {
  readonly text: string;
  /** It is only the marker that says that nothing is to be sent. */
  readonly silent: boolean;
  readonly about: Omit<DeliveryBody['data'], 'text' | 'part' | 'parts'>;
}

interface Target extends Partial<Omit<DeliverTarget, 'name'>> {
  readonly id: TargetId;
  /** Its line, but for a chat. */
  readonly line: string;
  readonly expireAfterSeconds: number;
}

function rowsOfAll(targets: readonly Target[], message: Message, options: OutboxOptions): OutboxRow[] {
  const { mostText = mostTextOfRun } = options;
  const cut = { whereWhole: `The run ${message.about.runId}`, most: Math.floor(mostText / targets.length) };
  const partsFor = partsOnce(message.text, cut);
  return targets.flatMap((target) => rowsOf(target, message, partsFor, options));
}

/** Cuts a text once for each form, however many targets take it. */
function partsOnce(text: string, cut: Cut): (form: Form) => Parts {
  const known = new Map<string, Parts>();
  return ({ name, partsOf }) => {
    const parts = known.get(name) ?? partsOf(text, cut);
    known.set(name, parts);
    return parts;
  };
}

function rowsOf(
  target: Target,
  message: Message,
  partsFor: (form: Form) => Parts,
  options: OutboxOptions,
): OutboxRow[] {
  const place = placeOf(target, options);
  const refused = message.silent ? ({ status: 'suppressed', last_error: silence } as const) : place.refused;
  // What is never sent is not cut for its target, only bounded.
  const parts = partsFor(refused === undefined ? place.form : logForm);
  const nothing = parts.length === 0 ? ({ status: 'suppressed', last_error: 'the result is empty' } as const) : refused;
  return (parts.length === 0 ? [''] : parts).map((text, at, all) => ({
    id: newId(),
    target: target.id,
    part: at + 1,
    parts: all.length,
    line: place.line,
    kind: place.kind,
    destination: place.destination,
    data: {
      type: 'talaria.run.completed',
      timestamp: new Date(options.now).toISOString(),
      data: { ...message.about, text, part: at + 1, parts: all.length },
    },
    ...(nothing ?? { status: 'pending', last_error: '' }),
    sequence: options.table.sequence,
    expire_after_seconds: target.expireAfterSeconds,
  }));
}

const silence = 'the result is only the silence marker';

/** How a text is cut. Two of one name do the same. */
interface Form {
  readonly name: string;
  readonly partsOf: (text: string, cut: Cut) => Parts;
}

const logForm: Form = { name: 'log', partsOf: logParts };
const webhookForm: Form = { name: 'webhook', partsOf: webhookParts };

function chatForm(platform: string, sender: PlatformSender): Form {
  return { name: `chat:${platform}`, partsOf: (text, cut) => chatParts(sender, text, cut) };
}

/** How a target takes a text. */
interface Place extends Pick<OutboxRow, 'kind' | 'destination' | 'line'> {
  readonly form: Form;
  /** Why nothing can be sent there. */
  readonly refused?: Pick<OutboxRow, 'status' | 'last_error'>;
}

function placeOf(target: Target, { table, senders = platformSenders }: OutboxOptions): Place {
  const { line, webhook } = target;
  if (webhook !== undefined) return { kind: 'webhook', destination: webhook, line, form: webhookForm };
  if (target.log === true) return { kind: 'log', destination: {}, line, form: logForm };
  const { account = '', chatId = '', threadId = '' } = target;
  const platform = findAccount(table, account)?.platform ?? '';
  const sender = Object.hasOwn(senders, platform) ? senders[platform] : undefined;
  const place = {
    kind: 'account',
    destination: { account, platform, chatId, threadId },
    line: chatLine(account, chatId),
  } as const;
  if (sender !== undefined) return { ...place, form: chatForm(platform, sender) };
  const why =
    platform === ''
      ? `AccountNotFound: there is no account "${account}"`
      : `this version does not write to ${platform}; use a webhook or the log`;
  return { ...place, form: logForm, refused: { status: 'dead', last_error: why } };
}

/** All that goes to one chat keeps its order, whatever run and thread it is of. */
function chatLine(account: string, chatId: string): string {
  return `chat:${account}:${chatId}`;
}
