/** A file cannot be read or written as it was asked. The message is for the model: what, what was got, and the cure. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused';
}
