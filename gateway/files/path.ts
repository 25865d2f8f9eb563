import { FileRefused } from './refusal.ts';

/** Path of a file relative to the home of its agent, checked: no spelling of it leads out of the home. */
export type HomePath = string & { readonly home: unique symbol };

/** The folder of the home in which the agent may write what it likes. */
export const workspaceFolder = 'workspace';

/** In bytes of UTF-8; a file system takes no longer name. */
const maxNameBytes = 200;
const maxPathBytes = 1_000;
const maxDepth = 16;

/**
 * Reads a path as a model writes it. Throws FileRefused for one that is absolute, has an empty part, `.` or `..`, a
 * backslash or a control character, or is too long. Two spellings of the same letters are one path.
 */
export function homePath(text: string): HomePath {
  // A model may write megabytes, and to normalize them may take minutes.
  const path = text.length > maxPathBytes ? text : text.normalize('NFC');
  const wrong = faults.find(([isFaulty]) => isFaulty(path));
  if (wrong === undefined) return path as HomePath;
  throw new FileRefused(`the path ${shown(text)} ${wrong[1]}; ${cure}`);
}

/** Whether a path is written as `homePath` gives it. */
export function isHomePath(text: string): text is HomePath {
  return !faults.some(([isFaulty]) => isFaulty(text)) && text.normalize('NFC') === text;
}

/** Whether a path is inside the workspace. */
export function isInWorkspace(path: string): boolean {
  return path.startsWith(`${workspaceFolder}/`);
}

/** The path within the workspace, for what keeps nothing else. */
export function withinWorkspace(path: HomePath): string {
  return path.slice(workspaceFolder.length + 1);
}

/** Whether one of two different paths is a folder of the other. */
export function collides(one: string, other: string): boolean {
  return one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

const cure = `give one inside your home, such as ${workspaceFolder}/notes.md`;

type Fault = readonly [isFaulty: (path: string) => boolean, what: string];

const faults: readonly Fault[] = [
  [(path) => path === '', 'is empty'],
  [(path) => path.startsWith('/'), 'begins with a slash'],
  [(path) => Buffer.byteLength(path) > maxPathBytes, `has more than ${maxPathBytes} bytes`],
  [(path) => !path.isWellFormed() || hasControl(path), 'has characters that no path may have'],
  [(path) => path.includes('\\'), 'has a backslash'],
  [(path) => partsOf(path).includes(''), 'has an empty part'],
  [(path) => partsOf(path).some((part) => part === '.' || part === '..'), 'has a part "." or ".."'],
  [(path) => partsOf(path).some((part) => part.trim() !== part), 'has a part that begins or ends with a space'],
  [(path) => partsOf(path).some((part) => Buffer.byteLength(part) > maxNameBytes), 'has a name that is too long'],
  [(path) => partsOf(path).length > maxDepth, `has more than ${maxDepth} parts`],
];

function partsOf(path: string): readonly string[] {
  return path.split('/');
}

function hasControl(path: string): boolean {
  return /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(path);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
