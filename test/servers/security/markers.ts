import { randomBytes } from 'node:crypto';
import { sha256 } from '../../../core/lib/hash.ts';

/** Secrets of one test that are known again wherever they turn up. */
export interface Markers {
  /** A new secret. `kind` is what reports call it; letters only. */
  readonly make: (kind: string) => string;
  /** A new API key: its SHA-256 is a secret too. */
  readonly makeKey: (kind: string) => string;
  /** A secret that was made elsewhere. */
  readonly add: (kind: string, value: string) => string;
  /** Which of them a text holds: as they are, in base64, in hex. Sorted. */
  readonly foundIn: (text: string) => readonly string[];
  /** Which of them a text holds as their SHA-256 in hex. */
  readonly hashesIn: (text: string) => readonly string[];
}

/** Makes an empty set. */
export function createMarkers(): Markers {
  const forms: { readonly kind: string; readonly form: string }[] = [];
  const hashes: { readonly kind: string; readonly form: string }[] = [];
  const add = (kind: string, value: string) => {
    forms.push(...formsOf(value).map((form) => ({ kind, form })));
    return value;
  };
  const make = (kind: string) => add(kind, `mark${kind}${randomBytes(12).toString('hex')}`);
  return {
    add,
    make,
    makeKey: (kind) => {
      const key = make(kind);
      hashes.push({ kind, form: sha256(key) });
      return key;
    },
    foundIn: (text) => kindsIn(text, forms),
    hashesIn: (text) => kindsIn(text, hashes),
  };
}

function kindsIn(text: string, forms: readonly { readonly kind: string; readonly form: string }[]): readonly string[] {
  return [...new Set(forms.filter(({ form }) => text.includes(form)).map(({ kind }) => kind))].sort();
}

function formsOf(value: string): readonly string[] {
  return [value, Buffer.from(value).toString('hex'), ...[0, 1, 2].map((before) => inBase64(value, before))];
}

/** What base64 makes of a text that begins `before` bytes behind a multiple of three, without its unsure ends. */
function inBase64(value: string, before: number): string {
  const whole = Buffer.from(' '.repeat(before) + value).toString('base64');
  return whole.slice(Math.ceil((before * 4) / 3), -4);
}
