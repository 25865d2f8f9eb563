import type { RouteEntry } from '../snapshot/schema.ts';
import type { WantedChat } from './chat-egress.ts';
import { possibleChatTypes } from './chat-type.ts';
import { comparedFields } from './compared.ts';
import type { ChatType } from './envelope.ts';
import { compareMatches } from './order.ts';
import { type RankedMatch, rankRoute } from './shadow-shapes.ts';

/** What Routes say about chats before anybody has written there. */
export interface ChatRouting {
  /**
   * False only where no message in the chat is the agent's, whoever writes it and whatever it says: then `resolve` never
   * gives it to the agent. Where that depends on more than the chat (a user, a header, an expression), it may.
   */
  readonly mayGive: (chat: RoutedChat, agent: string) => boolean;
  /**
   * True only where every message in the chat is the agent's, whoever writes it and whatever it says, as one of several
   * Agents of a rule that splits. What is not known of the chat (its type, its guild, who writes) is held against it.
   */
  readonly surelyGives: (chat: RoutedChat, agent: string) => boolean;
}

export interface RoutedChat extends WantedChat {
  readonly platform: string;
}

/** Indexes these Routes in one pass; a question then costs the same however many there are. */
export function createChatRouting(routes: readonly RouteEntry[]): ChatRouting {
  const shapes = shapesOf(routes);
  return {
    mayGive: (chat, agent) =>
      possibleChatTypes(chat).some((chatType) => mayGiveAt(shapes, { ...chat, chatType }, agent)),
    surelyGives: (chat, agent) =>
      possibleChatTypes(chat).every((chatType) => surelyGivesAt(shapes, { ...chat, chatType }, agent)),
  };
}

/** All that a match can compare a chat with. */
type Place = RoutedChat & { readonly chatType: ChatType };

const chatFields = ['threadId', 'chatId', 'account', 'platform', 'chatType'] as const;
type ChatField = (typeof chatFields)[number];

const bitOf = new Map<string, number>(comparedFields.map(({ name, bit }) => [name, bit]));
const chatMask = chatFields.reduce((mask, name) => mask | (bitOf.get(name) ?? 0), 0);

/** Matches that compare the same fields of a chat, by the values. */
interface Shape {
  readonly fields: readonly ChatField[];
  readonly groups: Map<string, Group>;
}

/** Matches that compare the same of a chat with the same. */
interface Group {
  /** Those that compare nothing else, those that win first at the front. */
  readonly sure: RankedMatch[];
  /** Those that do. */
  readonly unsure: RankedMatch[];
}

/** As many as there are sets of chat fields, at most. */
function shapesOf(routes: readonly RouteEntry[]): readonly Shape[] {
  const shapes = new Map<number, Shape>();
  for (const route of routes) {
    for (const { matches } of rankRoute(route).rules) for (const match of matches) add(shapes, match);
  }
  for (const { groups } of shapes.values()) {
    for (const { sure } of groups.values()) if (sure.length > 1) sure.sort(compareMatches);
  }
  return [...shapes.values()];
}

function add(shapes: Map<number, Shape>, match: RankedMatch): void {
  const mask = match.mask & chatMask;
  let shape = shapes.get(mask);
  if (shape === undefined) {
    shape = { fields: chatFields.filter((name) => (mask & (bitOf.get(name) ?? 0)) !== 0), groups: new Map() };
    shapes.set(mask, shape);
  }
  const key = keyOf(shape, match.entry);
  let group = shape.groups.get(key);
  if (group === undefined) {
    group = { sure: [], unsure: [] };
    shape.groups.set(key, group);
  }
  (isSure(match) ? group.sure : group.unsure).push(match);
}

/** The values as one text that no other values give. */
function keyOf(
  { fields }: Pick<Shape, 'fields'>,
  values: Partial<Readonly<Record<ChatField, string | undefined>>>,
): string {
  let key = '';
  for (const name of fields) key += `${values[name]?.length}:${values[name]}`;
  return key;
}

function isSure({ mask }: RankedMatch): boolean {
  return (mask & ~chatMask) === 0;
}

/** So many matches of other Agents are passed over. It bounds the time; the first one is nearly always the last. */
const mostSteps = 256;

function mayGiveAt(shapes: readonly Shape[], place: Place, agent: string): boolean {
  const groups = groupsAt(shapes, place);
  if (groups.some(({ unsure }) => unsure.some((match) => isOf(match, agent)))) return true;
  const next = inOrder(groups.map(({ sure }) => sure));
  for (let step = 0; step < mostSteps; step += 1) {
    const match = next();
    if (match === undefined) return false;
    const earlier = earlierRule(match, place);
    if (earlier === 'holds') continue;
    if (isOf(match, agent)) return true;
    if (earlier === 'none') return false;
  }
  return true;
}

function surelyGivesAt(shapes: readonly Shape[], place: Place, agent: string): boolean {
  const groups = groupsAt(shapes, place);
  const winner = sureWinner(groups, place);
  if (winner === undefined || !isOf(winner, agent)) return false;
  const others = groups.flatMap(({ unsure }) => unsure).filter((match) => !isOf(match, agent) && canHoldInChats(match));
  // Of its own Route only a later rule can be among them, which never wins over it.
  return others.every((other) => other.route === winner.route || compareMatches(winner, other) < 0);
}

/** What wins when nothing else holds; undefined where that is nothing, or depends on what is not of the chat. */
function sureWinner(groups: readonly Group[], place: Place): RankedMatch | undefined {
  const next = inOrder(groups.map(({ sure }) => sure));
  for (let match = next(); match !== undefined; match = next()) {
    const earlier = earlierRule(match, place);
    if (earlier !== 'holds') return earlier === 'none' ? match : undefined;
  }
  return undefined;
}

/** Messages of chats come with no key, name no model and have no headers. */
function canHoldInChats({ entry, headers }: RankedMatch): boolean {
  return entry.apiKey === undefined && entry.model === undefined && headers.length === 0;
}

function isOf({ rule }: RankedMatch, agent: string): boolean {
  return rule.agentRefs.some(({ name }) => name === agent);
}

function groupsAt(shapes: readonly Shape[], place: Place): readonly Group[] {
  return shapes.map((shape) => shape.groups.get(keyOf(shape, place))).filter((group) => group !== undefined);
}

/** A Route competes with its first rule that matches: whether one before this match's does, as far as the chat tells. */
function earlierRule({ route, rulePosition }: RankedMatch, place: Place): 'none' | 'may hold' | 'holds' {
  const earlier = route.rules
    .slice(0, rulePosition)
    .flatMap(({ matches }) => matches.filter((match) => fits(match, place)));
  if (earlier.some(isSure)) return 'holds';
  return earlier.length > 0 ? 'may hold' : 'none';
}

function fits({ entry }: RankedMatch, place: Place): boolean {
  return chatFields.every((name) => entry[name] === undefined || entry[name] === place[name]);
}

/** Gives the first of what is left of some sorted lists, again and again. */
function inOrder(lists: readonly (readonly RankedMatch[])[]): () => RankedMatch | undefined {
  const places = lists.map(() => 0);
  return () => {
    let from = -1;
    let first: RankedMatch | undefined;
    for (const [at, list] of lists.entries()) {
      const match = list[places[at] ?? 0];
      if (match === undefined || (first !== undefined && compareMatches(first, match) <= 0)) continue;
      [from, first] = [at, match];
    }
    if (first !== undefined) places[from] = (places[from] ?? 0) + 1;
    return first;
  };
}
