import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { issuersSchema } from './issuers.ts';

const allowList = z.strictObject({
  /** Networks (`10.0.0.0/8`) and host names that may be reached although the default refuses them. */
  allow: z
    .array(z.string().refine(isNetworkOrHost, 'is neither a network (10.0.0.0/8), an address nor a host name'))
    .default([]),
});

/** The configuration file of the gateway: every field with its bounds and default. */
export const gatewayConfigSchema = z.strictObject({
  auth: z.strictObject({ issuers: issuersSchema }).prefault({}),
  cors: z
    .strictObject({
      /** Origins of web pages that may call the API, such as `https://chat.example.com`; `*` allows every one. */
      origins: z
        .array(z.string().regex(/^(\*|https?:\/\/[^/\s]+)$/, 'an origin is scheme://host[:port], or *'))
        .default([]),
    })
    .prefault({}),
  egress: z
    .strictObject({
      delivery: allowList.prefault({}),
      models: allowList.prefault({}),
      tools: allowList.prefault({}),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** Requests in progress at once on one replica; the next is refused with `overloaded`. */
      openRequests: z.int().min(1).max(100_000).default(2_000),
      /** Event streams open at once on one replica; the next is refused with `overloaded`. */
      openStreams: z.int().min(1).max(100_000).default(1_000),
      /** How long running requests may go on after SIGTERM. */
      drainSeconds: z.int().min(0).max(3_600).default(25),
    })
    .prefault({}),
});

/** What an operator of the gateway sets in its one file; everything has a default. Changing it takes a restart. */
export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;

/** Every field at its default. */
export const defaultGatewayConfig: GatewayConfig = gatewayConfigSchema.parse({});

/** Reads the file at `path`. Throws an Error that names the file, the field and what is wrong with it. */
export async function readGatewayConfig(path: string): Promise<GatewayConfig> {
  return parseGatewayConfig(await readFile(path, 'utf8'), path);
}

/** The configuration in a YAML text; `path` is for messages. An empty text gives the defaults. */
export function parseGatewayConfig(text: string, path: string): GatewayConfig {
  const document = parseDocument(text);
  const broken = document.errors[0];
  if (broken) throw new Error(`${path}: ${broken.message}`);
  const result = gatewayConfigSchema.safeParse(document.toJS() ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
  throw new Error(`${path}: ${problems.join('; ')}`);
}

function isNetworkOrHost(entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/');
  const family = isIP(address);
  if (family === 0) return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(entry);
  if (bits === undefined) return true;
  return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32);
}
