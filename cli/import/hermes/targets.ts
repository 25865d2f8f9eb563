import { type Draft, toLabel } from '../draft.ts';
import { listIn, member, textIn } from '../fields.ts';
import { type HermesPlatform, hermesPlatforms, platformsOf } from './accounts.ts';

interface TargetSource {
  readonly job: unknown;
  readonly source: string;
  /** Whether the job is of the Agent that has the accounts. */
  readonly isMain: boolean;
  /** The name of that Agent. */
  readonly main: string;
  /** Of the root home. */
  readonly variables: ReadonlyMap<string, string>;
}

interface Place {
  readonly platform: string;
  readonly chatId: string | undefined;
  readonly threadId: string | undefined;
}

/**
 * `deliver` of a CronJob: what Hermes' `local`, `origin`, `all` and `platform:chat:thread` come to. Hermes sends a line there when
 * a run fails, too.
 */
export function toTargets(draft: Draft, from: TargetSource): object {
  const places = wordsOf(from.job).flatMap((word) => placesOf(draft, word, from));
  const targets = new Map(places.flatMap((place) => targetOf(draft, place, from)));
  if (targets.size > 0 && !from.isMain) {
    draft.note(
      'to do',
      from.source,
      `It sends through accounts of ${from.main}: a Route must give each of these chats to its Agent.`,
    );
  }
  const deliver = [...targets.values()];
  return deliver.length === 0 ? {} : { deliver, onFailure: { deliver } };
}

function wordsOf(job: unknown): readonly string[] {
  const listed = listIn(job, 'deliver').filter((word) => typeof word === 'string');
  const text = listed.length > 0 ? listed.join(',') : textIn(job, 'deliver');
  const words = (text ?? (member(job, 'origin') ? 'origin' : 'local')).split(',').map((word) => word.trim());
  return words.filter((word) => word !== '' && word !== 'local');
}

function placesOf(draft: Draft, word: string, { job, source, variables }: TargetSource): readonly Place[] {
  if (word === 'origin') {
    const platform = textIn(job, 'origin', 'platform');
    const chat = member(job, 'origin', 'chat_id');
    if (platform !== undefined && chat !== undefined && chat !== null) {
      const thread = member(job, 'origin', 'thread_id');
      return [{ platform, chatId: String(chat), threadId: thread ? String(thread) : undefined }];
    }
    draft.note('left out', source, 'It delivers to its origin and has none.');
    return [];
  }
  if (word === 'all') {
    const homes = platformsOf(variables).filter((platform) => variables.has(hermesPlatforms[platform].home));
    draft.note('changed', source, `"all" is the home channels of now: ${homes.join(', ') || 'none'}.`);
    return homes.map((platform) => ({ platform, chatId: undefined, threadId: undefined }));
  }
  const [platform = '', chatId, threadId] = word.split(/:(.*?)(?::(.*))?$/).filter((part) => part !== undefined);
  return [{ platform: platform.toLowerCase(), chatId: chatId || undefined, threadId: threadId || undefined }];
}

function targetOf(draft: Draft, place: Place, { source, isMain, main, variables }: TargetSource) {
  const { platform, threadId } = place;
  const isKnown = platformsOf(variables).some((name) => name === platform);
  const chatId =
    place.chatId ?? (isKnown ? variables.get(hermesPlatforms[platform as HermesPlatform].home) : undefined);
  if (!isKnown || chatId === undefined || chatId.startsWith('#')) {
    const why = !isKnown
      ? 'has no account here'
      : chatId === undefined
        ? 'has no home channel'
        : 'is named and not by its id';
    draft.note(
      'left out',
      source,
      `The target ${[platform, place.chatId, threadId].filter(Boolean).join(':')} ${why}.`,
    );
    return [];
  }
  const account = isMain ? platform : `${main}/${platform}`;
  const name = toLabel([platform, chatId, threadId].filter(Boolean).join('-'));
  return [[name, { name, account, chatId, ...(threadId === undefined ? {} : { threadId }) }]] as const;
}
