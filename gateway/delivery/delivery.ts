import { toWire } from '../../core/lib/id.ts';
import type { TargetId, Webhook } from './signing-secrets.ts';

/** Where a delivery goes. */
export type Destination =
  | { readonly kind: 'log' }
  | { readonly kind: 'webhook'; readonly webhook: Webhook }
  | ({ readonly kind: 'account' } & ChatDestination);

/** A chat, through an account. */
export interface ChatDestination {
  /** `<agent>/<name>` */
  readonly account: string;
  /** For which the text was converted and cut; '' when the account was not known: then it is done before the first attempt. */
  readonly platform: string;
  readonly chatId: string;
  /** '' for none. */
  readonly threadId: string;
}

/** What a webhook posts; `timestamp` is when the run ended, so that every attempt sends the same bytes. */
export interface DeliveryBody {
  readonly type: 'talaria.run.completed';
  readonly timestamp: string;
  readonly data: {
    readonly agent: string;
    /** Absent of a run that a request asked for. */
    readonly cronJob?: string;
    readonly runId: string;
    readonly scheduledTime?: string;
    readonly outcome: 'completed' | 'failed';
    readonly text: string;
    readonly part: number;
    readonly parts: number;
  };
}

/** A delivery that this worker is at. `attempt` and `worker` fence what it records. */
export interface TakenDelivery {
  /** UUID. */
  readonly id: string;
  readonly agent: string;
  readonly agentUid: string;
  readonly jobUid: string;
  readonly target: TargetId;
  readonly line: string;
  /** The scheme, host and port of a webhook, 'log' for the log; '' for a message through an account. */
  readonly origin: string;
  readonly destination: Destination;
  readonly body: DeliveryBody;
  readonly worker: string;
  readonly attempt: number;
  /** How many attempts count, this one included. */
  readonly counted: number;
  /** How long ago its first attempt began, when it was taken. */
  readonly sinceFirstMs: number;
  /** When it was taken, by the clock of the database; Unix milliseconds. */
  readonly takenAt: number;
  /** What its idempotency key is good with; '' before that was recorded. */
  readonly keyScope: string;
  /** An earlier attempt may have arrived; `lastError` says why. */
  readonly unsure: boolean;
  readonly lastError: string;
  /** Its sender died while it sent. It is not to be sent, but to be judged. */
  readonly orphan: boolean;
}

/** What a log line about a delivery says for it and its run to be found by, with ids in the form in which clients know them. */
export function deliveryFields({ id, agent, body }: Pick<TakenDelivery, 'id' | 'agent' | 'body'>): object {
  return { agent, runId: body.data.runId, deliveryId: toWire('dlv', id) };
}
