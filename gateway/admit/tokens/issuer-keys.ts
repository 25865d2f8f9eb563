import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../../core/lib/clock.ts';

/** The issuer's keys are not here and cannot be had now. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

export interface IssuerKeysOptions {
  /** Fetches the keys; ends by itself within a few seconds. */
  readonly fetch: () => Promise<JSONWebKeySet>;
  /** Hears of each fetch that failed. */
  readonly onFailure: (error: unknown) => void;
  readonly clock: Clock;
}

/** Older keys are fetched anew, while they go on to serve. */
const freshMs = 10 * 60_000;
/** For keys as old as this the first fetch is awaited: one that was taken back must not open a gateway that was idle. */
const trustedMs = 60 * 60_000;
/** A key that is not there is looked for at most this often: anybody can name one. */
const cooldownMs = 10_000;
/** After a failure. */
const retryMs = 2_000;

/**
 * The keys of one issuer, as the function that finds the key of a token. They are fetched when first needed, kept, and
 * fetched again when they are old or a token names one that is not there, by one fetch at a time. While the issuer is away
 * the last ones serve. Rejects with KeysUnavailable, or with jose's JWKSNoMatchingKey when the issuer has no such key.
 */
export function createIssuerKeys({ fetch, onFailure, clock }: IssuerKeysOptions): JWTVerifyGetKey {
  let find: JWTVerifyGetKey | undefined;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let nextFetchAt = Number.NEGATIVE_INFINITY;
  let failed = false;
  let pending: Promise<void> | undefined;

  const load = async () => {
    try {
      find = createLocalJWKSet(await fetch());
      failed = false;
      fetchedAt = clock.monotonic();
    } catch (error) {
      failed = true;
      onFailure(error);
    } finally {
      nextFetchAt = clock.monotonic() + (failed ? retryMs : cooldownMs);
      pending = undefined;
    }
  };
  /** Never rejects; does nothing while it is too early. */
  const refresh = async (): Promise<void> => {
    if (pending === undefined && clock.monotonic() >= nextFetchAt) pending = load();
    await pending;
  };

  return async (header, token) => {
    const age = clock.monotonic() - fetchedAt;
    if (find === undefined || (age > trustedMs && !failed)) await refresh();
    else if (age > freshMs) void refresh();
    if (find === undefined) throw new KeysUnavailable();
    try {
      return await find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await refresh();
    try {
      return await find(header, token);
    } catch (error) {
      throw failed && error instanceof errors.JWKSNoMatchingKey ? new KeysUnavailable() : error;
    }
  };
}
