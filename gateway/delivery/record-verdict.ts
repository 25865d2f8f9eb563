import { newId } from '../../core/lib/id.ts';
import { possibleChatTypes } from '../../core/route/chat-type.ts';
import type { Database } from '../db/pool.ts';
import { assistantMessage } from '../sessions/items.ts';
import { storableText } from '../sessions/storable.ts';
import type { ChatDestination, TakenDelivery } from './delivery.ts';
import type { Verdict } from './judge.ts';
import { saidText } from './said-text.ts';

/**
 * Stores what came of an attempt, where it still holds, and lets the next of the line go. With a message that was sent goes
 * its place in the session of the chat, unless `said` is false. False: somebody else has judged the attempt.
 */
export async function recordVerdict(
  database: Database,
  delivery: TakenDelivery,
  verdict: Verdict,
  { said = true }: { readonly said?: boolean } = {},
): Promise<boolean> {
  const pending = verdict.status === 'pending' ? verdict : undefined;
  const receipt = verdict.status === 'sent' ? verdict.receipt : undefined;
  const chat = said ? chatToldOf(delivery, verdict) : undefined;
  const { rows } = await database.prepared<{ recorded: boolean }>('record-delivery', recordStatement, [
    delivery.id,
    delivery.agent,
    delivery.line,
    delivery.worker,
    delivery.attempt,
    verdict.status,
    'error' in verdict ? storableText(verdict.error) : '',
    (pending?.delayMs ?? 0) / 1_000,
    storableText(receipt?.messageId ?? ''),
    storableText(receipt?.threadId ?? ''),
    chat === undefined ? null : JSON.stringify(assistantMessage(saidText(chat.platform, delivery.body.data.text))),
    chat === undefined ? null : possibleChatTypes(chat)[0],
    chat === undefined ? null : newId(),
    pending?.unsure ?? false,
    pending?.account === undefined || pending.account === 'broken' ? 0 : pending.account.pauseMs / 1_000,
    pending?.account === 'broken',
  ]);
  return rows[0]?.recorded === true;
}

/** The chat to whose session an attempt adds what was said; undefined where it adds nothing. */
export function chatToldOf({ destination }: TakenDelivery, { status }: Verdict): ChatDestination | undefined {
  return status === 'sent' && destination.kind === 'account' ? destination : undefined;
}

const recordStatement = `
  select record_delivery($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) as recorded`;

/** Stores, before the first attempt, what its idempotency key is good with. False: the delivery is somebody else's now. */
export async function recordKeyScope(database: Database, delivery: TakenDelivery, scope: string): Promise<boolean> {
  const { rowCount } = await database.prepared('record-key-scope', scopeStatement, [
    delivery.id,
    delivery.agent,
    delivery.worker,
    delivery.attempt,
    scope,
  ]);
  return rowCount === 1;
}

const scopeStatement = `
  update deliveries set key_scope = $5
  where id = $1 and agent = $2 and worker = $3 and attempts = $4 and status = 'sending'`;

/** Leaves a delivery to be judged, by whichever replica looks next, as one whose sender died. */
export async function leaveToOthers(database: Database, { id, agent, worker, attempt }: TakenDelivery): Promise<void> {
  await database.prepared('leave-delivery', leaveStatement, [id, agent, worker, attempt]);
}

/** No worker has this id. */
const leaveStatement = `
  update deliveries set worker = '00000000-0000-0000-0000-000000000000'
  where id = $1 and agent = $2 and worker = $3 and attempts = $4 and status = 'sending'`;
