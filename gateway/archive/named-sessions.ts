import { mayCall, type Principal } from '../../core/route/principal.ts';
import type { SnapshotContent } from '../../core/snapshot/schema.ts';
import type { ContentLine, SessionLine } from './lines.ts';

/**
 * A session of an archive that an admin of some Agents may not import: a live one with a name, of a principal that may call
 * other Agents too. Its next message under that name would go to this session, whatever Agent it was meant for. Undefined:
 * there is none.
 */
export function claimedName(
  lines: readonly ContentLine[],
  admin: Principal,
  { gatewayKeys }: Pick<SnapshotContent, 'gatewayKeys'>,
): SessionLine | undefined {
  if (admin.agents === '*') return undefined;
  const isWithin = (principal: string): boolean => {
    const [, agent] = /^agent-key:([^/]+)\//.exec(principal) ?? [];
    if (agent !== undefined) return mayCall(admin, agent);
    const key = gatewayKeys.find(({ name }) => principal === `gateway-key:${name}`);
    return key?.agents.every((name) => mayCall(admin, name)) ?? false;
  };
  return lines.find(
    (line): line is SessionLine => line.type === 'session' && isNamedAndLive(line) && !isWithin(line.principal),
  );
}

/** The names of ended sessions, and those of other platforms, are nobody's to send a message to. */
function isNamedAndLive({ platform, name, ended_at }: SessionLine): boolean {
  return platform === 'api' && name !== '' && ended_at === null;
}
