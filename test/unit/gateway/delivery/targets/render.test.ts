import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { platformSenders } from '../../../../../gateway/delivery/targets/platforms.ts';

const platforms = Object.entries(platformSenders);
const { telegram, discord } = platformSenders;
const one = (sender: typeof telegram, markdown: string) => sender.render(markdown).join('\n<next part>\n');

const shapes: [string, string, string, string, string, string][] = [
  ['bold', '**a**', '<b>a</b>', '*a*', '**a**', '<strong>a</strong>'],
  ['bold in the other spelling', '__a__', '<b>a</b>', '*a*', '**a**', '<strong>a</strong>'],
  ['italic', '*a* _b_', '<i>a</i> <i>b</i>', '_a_ _b_', '*a* *b*', '<em>a</em> <em>b</em>'],
  ['both', '***a***', '<b><i>a</i></b>', '*_a_*', '***a***', '<strong><em>a</em></strong>'],
  ['struck out', '~~a~~', '<s>a</s>', '~a~', '~~a~~', '<del>a</del>'],
  ['code', '`a*b*`', '<code>a*b*</code>', '`a*b*`', '`a*b*`', '<code>a*b*</code>'],
  ['code with a backtick', '`` a`b ``', '<code>a`b</code>', 'a`b', '`` a`b ``', '<code>a`b</code>'],
  [
    'a link',
    '[a](https://x.example/?b=1&c)',
    '<a href="https://x.example/?b=1&amp;c">a</a>',
    '<https://x.example/?b=1&amp;c|a>',
    '[a](<https://x.example/?b=1&c>)',
    '<a href="https://x.example/?b=1&amp;c">a</a>',
  ],
  [
    'an address',
    'see https://x.example/a_b_c.',
    'see https://x.example/a_b_c.',
    'see <https://x.example/a_b_c>.',
    'see https://x.example/a_b_c.',
    'see <a href="https://x.example/a_b_c">https://x.example/a_b_c</a>.',
  ],
  ['a heading', '## a ##', '<b>a</b>', '*a*', '**a**', '<strong>a</strong>'],
  [
    'a list',
    '- a\n  * b\n2. c',
    '• a\n  • b\n2. c',
    '• a\n  • b\n2. c',
    '• a\n  • b\n2. c',
    '• a<br>&nbsp; • b<br>2. c',
  ],
  ['a quote', '> a\n> b', '<blockquote>a\nb</blockquote>', '> a\n> b', '> a\n> b', '<blockquote>a<br>b</blockquote>'],
  [
    'fenced code',
    '```ts\na < b\n```',
    '<pre><code class="language-ts">a &lt; b</code></pre>',
    '```\na &lt; b\n```',
    '```ts\na < b\n```',
    '<pre><code class="language-ts">a &lt; b</code></pre>',
  ],
  [
    'words with marks inside',
    'snake_case 2 * 3',
    'snake_case 2 * 3',
    'snake_case 2 * 3',
    'snake\\_case 2 \\* 3',
    'snake_case 2 * 3',
  ],
  ['escapes', '\\*a\\*', '*a*', '*a*', '\\*a\\*', '*a*'],
  [
    'marks of the platform',
    '<b> & <!channel>',
    '&lt;b&gt; &amp; &lt;!channel&gt;',
    '&lt;b&gt; &amp; &lt;!channel&gt;',
    '\\<b\\> & \\<!channel\\>',
    '&lt;b&gt; &amp; &lt;!channel&gt;',
  ],
  [
    'links that lead nowhere in a chat',
    '[a](docs/b.md)',
    '[a](docs/b.md)',
    '[a](docs/b.md)',
    '\\[a\\](docs/b.md)',
    '[a](docs/b.md)',
  ],
  [
    'bold beside Chinese',
    '**“重点”**是',
    '<b>“重点”</b>是',
    '*“重点”*\u200b是',
    '**“重点”**是',
    '<strong>“重点”</strong>是',
  ],
];

describe.each(shapes)('%s', (_, markdown, forTelegram, forSlack, forDiscord, forMatrix) => {
  it.each([
    ['telegram', forTelegram],
    ['slack', forSlack],
    ['discord', forDiscord],
    ['matrix', forMatrix],
  ] as const)('is shown by %s', (platform, text) => {
    expect(one(platformSenders[platform], markdown)).toBe(text);
  });
});

describe('a text that is too long for one message', () => {
  it('is cut between paragraphs where it can be', () => {
    const paragraphs = ['a'.repeat(1_500), 'b'.repeat(400), 'c'.repeat(1_000)];
    expect(discord.render(paragraphs.join('\n\n'))).toEqual([paragraphs.slice(0, 2).join('\n\n'), paragraphs[2]]);
  });

  it('is cut between lines where a paragraph is too long, and between words where a line is', () => {
    const lines = ['a'.repeat(1_500), 'b'.repeat(1_500)];
    expect(discord.render(lines.join('\n'))).toEqual(lines);
    const parts = discord.render('word '.repeat(1_000));
    expect(parts.every((part) => /^(word ?)+$/.test(part))).toBe(true);
  });

  it('keeps a code block whole where one message holds it', () => {
    const code = `\`\`\`py\n${'x = 1\n'.repeat(300)}\`\`\``;
    expect(discord.render(`${'a'.repeat(500)}\n\n${code}`)).toEqual(['a'.repeat(500), code]);
  });

  it('closes a code block at a cut and opens it again with its language', () => {
    const parts = discord.render(`\`\`\`py\n${'  x = 1\n'.repeat(600)}\`\`\``);
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts) expect(part).toMatch(/^```py\n( {2}x = 1\n)+```$/);
    expect(parts.join('').match(/x = 1/g)).toHaveLength(600);
  });

  it('keeps the look of what it cuts', () => {
    for (const part of telegram.render(`**${'word '.repeat(2_000)}end**`)) expect(part).toMatch(/^<b>[^<]*<\/b>$/);
  });

  it('is never cut inside a character', () => {
    for (const [, sender] of platforms) {
      for (const part of sender.render(`x${'😀'.repeat(20_000)}`)) expect(part.isWellFormed()).toBe(true);
    }
  });

  it('keeps each part to 4,096 seen units and 100 looks on Telegram', () => {
    const parts = telegram.render('**a** < '.repeat(3_000));
    for (const part of parts) {
      expect(seen(part).length).toBeLessThanOrEqual(4_096);
      expect(part.split('<b>').length - 1).toBeLessThanOrEqual(100);
    }
  });
});

describe('a text that shows nothing', () => {
  it.each(['', ' \n\t\n', '> \n>', '```\n\n```', '\0\x07'])('has no part: %j', (markdown) => {
    for (const [, sender] of platforms) expect(sender.render(markdown)).toEqual([]);
  });
});

/** What people read of a part, without marks, addresses of links and white space. */
function seen(part: string): string {
  const entities: Record<string, string> = { lt: '<', gt: '>', quot: '"', amp: '&', nbsp: ' ' };
  return part
    .replaceAll('<br>', '\n')
    .replaceAll(/<\/?[a-z]+(?: [a-z]+="[^"]*")?>/g, '')
    .replaceAll(/&(lt|gt|quot|amp|nbsp);/g, (_, name: string) => entities[name] ?? '');
}

const limits: Record<string, (part: string) => boolean> = {
  telegram: (part) => seen(part).length <= 4_096 && Buffer.byteLength(part) <= 32_768,
  slack: (part) => part.length <= 4_000,
  discord: (part) => part.length <= 2_000,
  matrix: (part) => Buffer.byteLength(JSON.stringify(part)) <= 48_000,
};

const markup = fc.constantFrom(
  ...[
    '*',
    '**',
    '_',
    '__',
    '~~',
    '`',
    '``',
    '```',
    '```ts\n',
    '\n',
    '\n\n',
    '\n- ',
    '\n> ',
    '\n# ',
    '\n1. ',
    ' ',
    '  ',
  ],
  ...[
    '[',
    ']',
    '](https://x.example/y)',
    '(',
    ')',
    '!',
    '\\',
    '<',
    '>',
    '&',
    '|',
    '\n|-|\n',
    'https://x.example/a_b',
    '\t',
    '\r\n',
  ],
);
const word = fc.oneof(fc.stringMatching(/^[a-z0-9]{1,12}$/), fc.string({ unit: 'binary', maxLength: 8 }));
const markdown = fc.array(fc.oneof(markup, word), { maxLength: 60 }).map((pieces) => pieces.join(''));
const long = fc
  .tuple(markdown, fc.integer({ min: 1, max: 400 }))
  .map(([text, times]) => text.repeat(times).slice(0, 20_000));

describe.each(platforms)('whatever the text, on %s', (name, sender) => {
  const fits = limits[name] ?? (() => false);

  it('every part is within the limit, is text that can be sent, and shows something', () => {
    fc.assert(
      fc.property(fc.oneof(markdown, long), (text) => {
        for (const part of sender.render(text)) {
          expect(fits(part)).toBe(true);
          expect(part.isWellFormed()).toBe(true);
          expect(seen(part).trim()).not.toBe('');
        }
      }),
      { numRuns: 100 },
    );
  });

  it('no letter is lost, and none is moved', () => {
    const plainWord = fc.stringMatching(/^[A-Z]{1,9}$/);
    const piece = fc.oneof(
      { weight: 3, arbitrary: plainWord },
      fc.constantFrom(
        '*',
        '**',
        '_',
        '~~',
        '`',
        '\n',
        '\n\n',
        ' ',
        '\n- ',
        '\n> ',
        '\n# ',
        '[',
        ']',
        '<',
        '&',
        '\\',
        '\n```\n',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
        // What stands behind a fence names a language, and is not shown.
        fc.pre(!/(?:~{3}|`{3})[^\n]*[A-Z]/.test(pieces.join('')));
        const letters = (text: string) => text.replaceAll(/[^A-Z]/g, '');
        expect(letters(sender.render(pieces.join('')).join(''))).toBe(letters(pieces.join('')));
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['a report', '## Status\n\n- **all** fine, see [log](https://x.example/log)\n- `a < b`\n\n```\nx\n```\n\nok\n\n'],
    ['one word', 'x'],
    ['what has to be escaped', '&*'],
  ])('5 MB of %s are rendered, within the limits', { timeout: 60_000 }, (_, unit) => {
    const size = 5 * 1024 * 1024;
    const parts = sender.render(unit.repeat(Math.ceil(size / unit.length)));
    expect(parts.every(fits)).toBe(true);
  });
});
