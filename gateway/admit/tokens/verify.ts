import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose';
import { TalariaError } from '../../../core/lib/errors.ts';
import type { IssuerConfig } from '../../config/issuers.ts';
import { KeysUnavailable } from './issuer-keys.ts';

/** The claims of a verified token. */
export interface VerifiedClaims extends JWTPayload {
  readonly sub: string;
  /** Unix seconds. */
  readonly exp: number;
}

/** Signatures that only the holder of a private key can make. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** By how much the clocks of issuer and gateway may differ. */
const clockToleranceSeconds = 30;
/** A ServiceAccount's `sub` can have 339 bytes; what is stored with a run must fit an index. */
const maxSubjectBytes = 400;
/** Access and identity tokens (RFC 9068, RFC 7519); a logout token of the same issuer is neither. */
const types: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);

/**
 * Verifies that `token` is the issuer's, for one of its audiences, and in force at `now`. Throws `invalid_key` with what is
 * wrong and never the token, or `state_unavailable` while the issuer's keys cannot be had.
 */
export async function verifyToken(
  token: string,
  issuer: IssuerConfig,
  { keys, now }: { readonly keys: JWTVerifyGetKey; readonly now: Date },
): Promise<VerifiedClaims> {
  const options: JWTVerifyOptions = {
    algorithms,
    issuer: issuer.issuer,
    audience: issuer.audiences,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: clockToleranceSeconds,
    currentDate: now,
  };
  try {
    const { payload, protectedHeader } = await verifyByAnyKey(token, keys, options);
    const { typ } = protectedHeader;
    if (typ !== undefined && !types.has(typ.toLowerCase())) throw invalid('it is a token of another type (`typ`)');
    return { ...payload, sub: subjectOf(payload), exp: payload.exp ?? 0 };
  } catch (error) {
    throw refusalOf(error);
  }
}

/** A `invalid_key` that says what is wrong with a token. */
export function invalid(what: string, cause?: unknown): TalariaError {
  return new TalariaError('invalid_key', `The bearer token is not valid: ${what}. Send a valid one.`, { cause });
}

/** A token that names no key is tried with each that could be it. */
async function verifyByAnyKey(token: string, keys: JWTVerifyGetKey, options: JWTVerifyOptions) {
  try {
    return await jwtVerify(token, keys, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      const verified = await jwtVerify(token, key, options).catch((failure: unknown) => {
        if (failure instanceof errors.JWSSignatureVerificationFailed) return undefined;
        throw failure;
      });
      if (verified) return verified;
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function subjectOf({ sub }: JWTPayload): string {
  const fits = typeof sub === 'string' && sub !== '' && sub.isWellFormed() && !/\p{Cc}/u.test(sub);
  if (fits && Buffer.byteLength(sub) <= maxSubjectBytes) return sub;
  throw invalid(`its subject (\`sub\`) is not a text of 1 to ${maxSubjectBytes} bytes without control characters`);
}

function refusalOf(error: unknown): TalariaError {
  if (error instanceof TalariaError) return error;
  if (error instanceof KeysUnavailable) {
    return new TalariaError(
      'state_unavailable',
      'The keys of the token’s issuer cannot be fetched, so that it cannot be verified. Try again shortly.',
      { cause: error },
    );
  }
  return invalid(whatIsWrong(error), error);
}

function whatIsWrong(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired (`exp`)';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return `it has no claim \`${error.claim}\``;
    return wrongClaims[error.claim] ?? `its claim \`${error.claim}\` is of the wrong form`;
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm (`alg`) is no asymmetric signature';
  if (error instanceof errors.JWKSNoMatchingKey) return 'its issuer has no key (`kid`) like the one it names';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is not its issuer’s';
  return 'it is malformed, or its issuer’s key cannot be used';
}

const wrongClaims: Readonly<Record<string, string>> = {
  aud: 'it is for another audience (`aud`)',
  iss: 'it is of an issuer (`iss`) that this gateway does not know',
  nbf: 'it is not in force yet (`nbf`)',
};
