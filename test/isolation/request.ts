import { brokenValues, hostileIds, writeHeader } from './ids.ts';
import type { Random } from './random.ts';
import { agentNames, freeModels, sharedKey, type World } from './world.ts';

/** One request as a client makes it, with what the client means by it. */
export interface Asked {
  /** Absent: no Authorization header. */
  readonly key: string | undefined;
  /** '' for absent. */
  readonly model: string;
  readonly chatId: string;
  readonly userId: string;
  readonly threadId: string;
  /** The value of `x-team`, '' for absent. */
  readonly team: string;
  /** True when one of its headers must be refused. */
  readonly broken: boolean;
  /** Names and values by turns, as they come on the wire. */
  readonly rawHeaders: readonly string[];
}

/** A request of some client to this world; about two thirds of them may be answered. */
export function newRequest(random: Random, world: World): Asked {
  const ids = { chatId: id(random, 0.45), userId: id(random, 0.5), threadId: id(random, 0.3) };
  const team = random.chance(0.55) ? random.pick(['red', 'blue', 'a1']) : '';
  const rawHeaders = [...idHeaders(random, ids), ...(team === '' ? [] : ['X-Team', team])];
  const broken = random.chance(0.02);
  if (broken) rawHeaders.push(...brokenHeaders(random, rawHeaders));
  const key = keyOf(random, world);
  const model = random.chance(0.7) ? likelyModel(random, key) : anyModel(random);
  return { key, model, ...ids, team, broken, rawHeaders };
}

function id(random: Random, present: number): string {
  return random.chance(present) ? random.pick(hostileIds) : '';
}

function idHeaders(random: Random, { chatId, userId, threadId }: Pick<Asked, 'chatId' | 'userId' | 'threadId'>) {
  const fields = [
    ['chat-id', chatId],
    ['user-id', userId],
    ['thread-id', threadId],
  ] as const;
  return fields.flatMap(([name, value]) => {
    if (value === '') return random.chance(0.1) ? [`x-talaria-${name}`, ''] : [];
    const written = () => writeHeader(random, value);
    if (random.chance(0.05)) return [`x-hermes-${name}`, written(), `X-Talaria-${name}`, written()];
    return [random.chance(0.2) ? `X-Hermes-${name}` : `x-talaria-${name}`, written()];
  });
}

/** A value that no header may have, a header twice, or a header and its alias that disagree. */
function brokenHeaders(random: Random, present: readonly string[]): readonly string[] {
  const written = present.findIndex((text, at) => at % 2 === 0 && /^x-talaria-/i.test(text));
  if (written >= 0 && random.chance(0.5)) return [present[written] ?? '', present[written + 1] ?? ''];
  if (random.chance(0.3)) return ['x-talaria-session-id', 's1', 'x-hermes-session-id', 's2'];
  return ['x-talaria-session-id', random.pick(brokenValues)];
}

function keyOf(random: Random, world: World): string | undefined {
  const drawn = random.below(100);
  if (drawn < 66) return 'key-all';
  if (drawn < 80) return 'key-second';
  if (drawn < 83) return random.pick(['key-narrow', 'key-one']);
  if (drawn < 85) return sharedKey;
  if (drawn < 97) return random.pick([...world.agents.values()]).apiKeys[0];
  if (drawn === 97) return undefined;
  return random.pick(['key-al', 'key-all2', 'KEY-ALL', 'sk-a1-1-1', 'key-of-nobody', 'tag-a1-1-1']);
}

/** One that the key may call, as most clients send it. */
function likelyModel(random: Random, key: string | undefined): string {
  if (key === 'key-all' || key === 'key-second') return anyModel(random);
  const own = key?.replace('key-of-', '') ?? '';
  return random.pick(['', ...freeModels, `talaria/${own}`]);
}

function anyModel(random: Random): string {
  const drawn = random.below(100);
  if (drawn < 45) return `talaria/${random.pick(agentNames)}`;
  if (drawn < 55) return random.pick(agentNames);
  if (drawn < 75) return random.pick(freeModels);
  if (drawn < 77) return random.pick(['talaria/', 'talaria/A1', 'talaria/a1/', 'talaria/nobody', 'a99']);
  return '';
}
