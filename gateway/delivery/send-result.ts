/**
 * What is known of one attempt to send.
 *
 * `sent`: the target has it. `not-sent`: the target certainly has not; `final` when trying again is pointless.
 * `ambiguous`: it may have it, which a target with an idempotency key may be sent again.
 */
export type SendResult =
  | { readonly kind: 'sent'; readonly receipt?: SendReceipt }
  | {
      readonly kind: 'not-sent';
      readonly error: string;
      readonly final: boolean;
      /** How long the target asked to wait. */
      readonly retryAfterMs?: number | undefined;
      /** It asked that of all that goes through the account, not of this chat alone. */
      readonly accountWaits?: boolean;
      /** The target refuses the whole account, whatever the message: its credentials are wrong or taken back. */
      readonly accountBroken?: true;
    }
  | { readonly kind: 'ambiguous'; readonly error: string };

/** How the platform calls what it took; '' for what it did not say. */
export interface SendReceipt {
  readonly messageId: string;
  readonly threadId: string;
}
