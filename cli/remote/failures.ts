/** What these commands exit with. The page on the command line documents it. */
export const exitCodes = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** A gateway refused; `message` is in its own words. */
export class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A gateway did not answer, or what answered is none. */
export class GatewayUnreachable extends Error {
  override readonly name = 'GatewayUnreachable';

  constructor(url: string, reason: string) {
    super(`no gateway answers at ${url}: ${reason}`);
  }
}

/** No gateway is known, or what is known of it leads to none. `message` says what to do. */
export class NoGateway extends Error {
  override readonly name = 'NoGateway';
}

/** What is asked for cannot be done, for a reason that is not the gateway's; `message` has the cure. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** What stands in the way and what to do about it, in one line, and the exit code. */
export function explainFailure(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof GatewayRefusal) {
    const cure = cures[error.code];
    const text = cure === undefined ? error.message : `${error.message.split('. ')[0]?.replace(/\.$/, '')}. ${cure}`;
    return { text: `${text} (${error.code})`, exitCode: exitCodes.refused };
  }
  if (error instanceof GatewayUnreachable) {
    return { text: `${error.message}. ${unreachableCure}`, exitCode: exitCodes.unreachable };
  }
  const exitCode = error instanceof Refused ? exitCodes.refused : exitCodes.unreachable;
  return { text: error instanceof Error ? error.message : String(error), exitCode };
}

const unreachableCure = 'Say where one is with --gateway, or see whether it runs.';

/** In place of what the gateway says to those who speak HTTP. */
const cures: Readonly<Record<string, string>> = {
  job_not_found: '"talaria jobs list" lists those that are.',
  run_not_found: '"talaria runs list" lists those that are.',
  agent_served: 'Delete it first, or give --while-served.',
  delivery_not_found: '"talaria deliveries list" lists those that are.',
  invalid_key: 'Give a key with --key or TALARIA_API_KEY.',
};
