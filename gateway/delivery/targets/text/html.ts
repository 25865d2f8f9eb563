import type { CodeBlock, Span } from './document.ts';

/** The tags of a dialect of HTML. */
export interface Tags {
  readonly bold: string;
  readonly italic: string;
  readonly strike: string;
}

/** A span in HTML. A link has no other look than emphasis, code has none at all: some platforms allow no more. */
export function spanHTML({ text, bold, italic, strike, code, link }: Span, tags: Tags): string {
  const escaped = escapeHTML(text);
  if (code && link === '') return element('code', escaped);
  let html = link === '' ? escaped : `<a href="${escapeHTML(link)}">${escaped}</a>`;
  if (strike) html = element(tags.strike, html);
  if (italic) html = element(tags.italic, html);
  return bold ? element(tags.bold, html) : html;
}

/** A code block in HTML, with its language as highlighters expect it. */
export function codeHTML({ language, text }: CodeBlock): string {
  const code = escapeHTML(text);
  return language === '' ? `<pre>${code}</pre>` : `<pre><code class="language-${language}">${code}</code></pre>`;
}

export function escapeHTML(text: string): string {
  if (!/[&<>"]/.test(text)) return text;
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** The text that such HTML shows. */
export function textOfHTML(html: string): string {
  if (!/[<&]/.test(html)) return html;
  return html
    .replaceAll(/<[^<>]*>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

function element(tag: string, html: string): string {
  return `<${tag}>${html}</${tag}>`;
}
