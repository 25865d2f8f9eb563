import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AdminClient, Listing } from './admin-client.ts';
import { type RemoteOptions, remoteCommand, withGateway } from './command.ts';
import { type Column, type Format, formatData, formatList } from './output.ts';

/** What every list takes. */
export interface ListOptions extends RemoteOptions {
  /** At most so many entries, 0 for all. */
  readonly limit: number;
}

/** What sets the list of one group apart from the others. */
export interface ListParts<Entry> {
  readonly group: string;
  readonly description: string;
  readonly examples: readonly string[];
  /** Each has the name that the API has for it. */
  readonly filters: readonly Option[];
  readonly columns: readonly Column<Entry>[];
  readonly read: (client: AdminClient, filters: Record<string, string>, most: number) => Promise<Listing<Entry>>;
}

/** `talaria <group> list`, of what a gateway has. */
export function gatewayList<Entry>({ group, filters, columns, read, ...rest }: ListParts<Entry>): Command {
  const command = listCommand(rest.description, rest.examples);
  for (const filter of filters) command.addOption(filter);
  return command.action((options: ListOptions) =>
    withGateway(`${group} list`, options, async (client) => {
      const given = Object.entries(options).filter(([name]) => filters.some((one) => one.attributeName() === name));
      printListing(
        await read(client, Object.fromEntries(given), options.limit),
        columns,
        options.output,
        (entry) => entry,
      );
    }),
  );
}

/** A `list` without its filters and its action. */
export function listCommand(description: string, examples: readonly string[]): Command {
  return remoteCommand('list', description, examples).addOption(limitOption(50));
}

/** `--limit`, of whatever a command prints many of. */
export function limitOption(usual: number): Option {
  return new Option('--limit <number>', 'at most so many; 0: all').argParser(wholeNumber).default(usual);
}

/**
 * Prints a list: as data what was read, in a table what `viewOf` makes of it. That it goes on is said on stderr, so that
 * what is on stdout stays what was asked for.
 */
export function printListing<Entry, View>(
  { entries, hasMore }: Listing<Entry>,
  columns: readonly Column<View>[],
  format: Format | undefined,
  viewOf: (entry: Entry) => View,
): void {
  const asData = format === 'json' || format === 'yaml';
  process.stdout.write(asData ? formatData(entries, format) : formatList(entries.map(viewOf), columns, format));
  if (hasMore) process.stderr.write('There are more: raise --limit, or list all with --limit 0.\n');
}

/** The first of what is known whole, at most so many; 0: all. */
export function firstOf<Entry>(entries: readonly Entry[], most: number): Listing<Entry> {
  if (most === 0 || entries.length <= most) return { entries, hasMore: false };
  return { entries: entries.slice(0, most), hasMore: true };
}

/** What became of a thing: a table of it alone, or the whole of it as data. */
export function formatChanged<Entry>(
  entry: Entry,
  columns: readonly Column<Entry>[],
  format: Format = 'table',
): string {
  return format === 'json' || format === 'yaml' ? formatData(entry, format) : formatList([entry], columns, format);
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it is not a whole number.');
}
