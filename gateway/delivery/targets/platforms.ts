import { discord } from './discord.ts';
import { matrix } from './matrix.ts';
import type { PlatformSender } from './platform.ts';
import { slack } from './slack.ts';
import { telegram } from './telegram.ts';

/** The chat platforms that messages can be sent to, by the name that accounts and Routes use. */
export const platformSenders: Readonly<Record<'telegram' | 'slack' | 'discord' | 'matrix', PlatformSender>> = {
  telegram,
  slack,
  discord,
  matrix,
};
