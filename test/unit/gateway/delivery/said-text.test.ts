import { expect, it } from 'vitest';
import { saidText } from '../../../../gateway/delivery/said-text.ts';

it.each([
  ['telegram', '<b>Done</b>: 1 &lt; 2 &amp;&amp; <code>a &gt; b</code>', 'Done: 1 < 2 && a > b'],
  ['matrix', 'one<br>two&nbsp; three', 'one\ntwo  three'],
  ['telegram', '&amp;lt;', '&lt;'],
  ['slack', '*Done* <https://example.com|here>', '*Done* <https://example.com|here>'],
  ['discord', '**Done** <b>', '**Done** <b>'],
])('on %s the session of the chat has %j as %j', (platform, part, said) => {
  expect(saidText(platform, part)).toBe(said);
});
