import type { Dispatcher } from 'undici';
import { toWire } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { Table } from '../config/table.ts';
import { type AccountAccess, openAccount } from './account-access.ts';
import { type ChatDestination, deliveryFields, type TakenDelivery } from './delivery.ts';
import { type AttemptFacts, judge, type Verdict } from './judge.ts';
import type { SendResult } from './send-result.ts';
import { signingSecrets, type Webhook } from './signing-secrets.ts';
import { sendToLog } from './targets/log.ts';
import type { PlatformSender, PlatformSenders } from './targets/platform.ts';
import { sendWebhook } from './targets/webhook.ts';

/** What one attempt is made with. */
export interface AttemptContext {
  /** The one in force now. */
  readonly table: Table;
  readonly senders: PlatformSenders;
  /** It checks the address that it connects to. */
  readonly dispatcher: Dispatcher;
  /** Stores, before the first message under an idempotency key, what the key is good with. False: not ours any more. */
  readonly recordScope: (scope: string) => Promise<boolean>;
  /** Unix milliseconds by the clock that all replicas share: receivers refuse a signature of another time. */
  readonly now: () => number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** How long a target may take to answer. */
const answerWithinMs = 15_000;

/**
 * Makes one attempt, or judges the one of a sender that died. Undefined: the delivery is somebody else's now. Throws only
 * what `recordScope` throws, before anything is sent.
 */
export async function attemptDelivery(context: AttemptContext, delivery: TakenDelivery): Promise<Verdict | undefined> {
  const { agent, agentUid, destination } = delivery;
  const uid = context.table.agents.get(agent)?.uid;
  if (uid !== undefined && uid !== agentUid) {
    const error = 'agent_replaced: the Agent was deleted and made again';
    return judge(firstWord(delivery) ?? notSent(error, true), factsOf(delivery, 0));
  }
  if (destination.kind === 'account') return await attemptChat(context, delivery, destination);
  const facts = factsOf(delivery, Number.POSITIVE_INFINITY);
  if (delivery.orphan) return judge(orphaned, facts);
  const { log } = context;
  if (destination.kind === 'log') return judge(sendToLog(log, toWire('dlv', delivery.id), delivery.body), facts);
  return judge(await attemptWebhook(context, delivery, destination.webhook), facts);
}

async function attemptWebhook(
  { table, dispatcher, now, signal }: AttemptContext,
  { id, jobUid, target, body }: TakenDelivery,
  webhook: Webhook,
): Promise<SendResult> {
  const secrets = signingSecrets(table, jobUid, target, webhook);
  if (secrets === undefined) return notSent('its signing secret is missing', false);
  return await sendWebhook(dispatcher, {
    url: webhook.url,
    id: toWire('dlv', id),
    body: JSON.stringify(body),
    secrets,
    now: now(),
    answerWithinMs,
    signal,
  });
}

async function attemptChat(
  context: AttemptContext,
  delivery: TakenDelivery,
  chat: ChatDestination,
): Promise<Verdict | undefined> {
  const access = openAccount(context.table, delivery.agent, chat);
  const sender = access.kind === 'open' ? senderOf(context.senders, access, chat) : undefined;
  const repeatableMs = access.kind === 'open' ? repeatable(delivery, access, sender) : 0;
  const facts = factsOf(delivery, repeatableMs);
  const known = firstWord(delivery, repeatableMs);
  if (known !== undefined) return judge(known, facts);
  if (access.kind !== 'open') return judge(notSent(access.error, access.kind === 'refused'), facts);
  if (sender === undefined) {
    const error = `the text is not one for ${access.entry.platform}, of which the account is now`;
    return judge(notSent(error, true), facts);
  }
  if (sender.sameIdForMs > 0 && delivery.keyScope === '' && !(await context.recordScope(access.scope)))
    return undefined;
  const { dispatcher, signal, now } = context;
  const message = {
    id: toWire('dlv', delivery.id),
    chatId: chat.chatId,
    threadId: chat.threadId,
    text: delivery.body.data.text,
  };
  const call = { dispatcher, signal, now: now(), answerWithinMs };
  const result = await sender.send(access.account, message, call).catch((error: unknown) => {
    context.log.error({ ...deliveryFields(delivery), err: error }, 'the sender of a platform failed');
    return senderFailed;
  });
  return judge(result, facts);
}

/** What is said without sending: of an orphan, and of what may have arrived and must not be repeated any more. */
function firstWord({ orphan, unsure, lastError }: TakenDelivery, repeatableMs = 0): SendResult | undefined {
  if (orphan) return orphaned;
  return unsure && repeatableMs <= 0 ? { kind: 'ambiguous', error: lastError } : undefined;
}

const senderFailed: SendResult = { kind: 'ambiguous', error: 'the gateway failed while it sent' };
const orphaned: SendResult = { kind: 'ambiguous', error: 'its sender died while it sent' };

type OpenAccount = Extract<AccountAccess, { kind: 'open' }>;

/** The sender of the platform for which the text was converted; undefined when the account is of another now. */
function senderOf(
  senders: PlatformSenders,
  { entry }: OpenAccount,
  { platform }: ChatDestination,
): PlatformSender | undefined {
  return entry.platform === platform && Object.hasOwn(senders, platform) ? senders[platform] : undefined;
}

/** For how long a repetition is known as one: the key's time, with the credentials that it was first used with. */
function repeatable(
  { keyScope, sinceFirstMs }: TakenDelivery,
  { entry, scope }: OpenAccount,
  sender: PlatformSender | undefined,
): number {
  if (entry.onAmbiguous === 'Resend') return Number.POSITIVE_INFINITY;
  const holds = keyScope === scope || keyScope === '';
  return sender === undefined || !holds ? 0 : sender.sameIdForMs - sinceFirstMs;
}

function factsOf({ destination, counted, unsure }: TakenDelivery, repeatableMs: number): AttemptFacts {
  return { throughAccount: destination.kind === 'account', counted, unsure, repeatableMs };
}

function notSent(error: string, final: boolean): SendResult {
  return { kind: 'not-sent', error, final };
}
