import { z } from 'zod';

const trustworthyURL = 'an https URL without user, password and fragment is needed';
const path = z.string().regex(/^\//, 'an absolute path is needed');

const issuer = z
  .strictObject({
    /** The `iss` of its tokens, character by character. Without `jwksURL` the address whose OIDC discovery names the keys. */
    issuer: z
      .string()
      .min(1)
      .max(512)
      .regex(/^[\x21-\x7b\x7d\x7e]*$/, 'only visible ASCII characters other than | are allowed'),
    /** A token must be for one of them (`aud`). */
    audiences: z.array(z.string().min(1)).min(1),
    /** Where its public keys are, as a JWK set. Default: what its OIDC discovery says. */
    jwksURL: z.string().refine(isTrustworthy, trustworthyURL).optional(),
    /** Agents that every one of its tokens may call; `*` means all. Default: none. */
    agents: z
      .array(z.string().regex(/^(\*|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$/, 'is neither the name of an Agent nor *'))
      .default([]),
    /**
     * A claim that names further agents of one token: a list of texts, or one text with blanks between the names. A `*`
     * in it is no name of an Agent and grants nothing.
     */
    agentsClaim: z.string().min(1).optional(),
    /** Whether its tokens may use the admin API. */
    role: z.enum(['client', 'admin']).default('client'),
    /** Certificates (PEM) by which to trust the server of its keys, instead of the public ones. */
    ca: z
      .string()
      .regex(/-----BEGIN CERTIFICATE-----/, 'is no certificate in PEM')
      .optional(),
    /** The same in a file, which is read at each fetch. */
    caFile: path.optional(),
    /** A bearer token to fetch its keys with; Kubernetes asks for one. Read at each fetch, because it is renewed. */
    tokenFile: path.optional(),
  })
  .refine((it) => it.jwksURL !== undefined || isTrustworthy(it.issuer), {
    path: ['issuer'],
    error: `without jwksURL, ${trustworthyURL}`,
  })
  .refine((it) => it.ca === undefined || it.caFile === undefined, { path: ['ca'], error: 'excludes caFile' })
  .refine((it) => it.jwksURL !== undefined || it.tokenFile === undefined, {
    path: ['tokenFile'],
    error: 'needs jwksURL, so that the token goes nowhere else',
  });

/** `auth.issuers` of the configuration file: whose JWTs are taken as bearer tokens. */
export const issuersSchema = z
  .array(issuer)
  .max(50)
  .refine((all) => new Set(all.map((it) => it.issuer)).size === all.length, 'an issuer stands there twice')
  .default([]);

/** One OIDC issuer whose tokens are taken. */
export type IssuerConfig = z.infer<typeof issuer>;

/**
 * Whether keys that come from this URL can be trusted: it is `https`, or `http` on the machine itself, and holds no
 * user, password or fragment.
 */
export function isTrustworthy(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false;
  const local = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && local);
}
