/**
 * The shape of a schedule as far as a regular expression can tell, in the syntax that JavaScript and RE2 share and
 * without backslashes, so that it can stand in a CEL string. `core/schedule` decides about what passes it.
 */
export const schedulePattern = `^[ ]*(${fiveFields()}|${nicknames()}|${every()})[ ]*$`;

function fiveFields(): string {
  const minute = field('[0-5]?[0-9]');
  const hour = field('([01]?[0-9]|2[0-3])');
  const day = field('(0?[1-9]|[12][0-9]|3[01])');
  const month = field('(0?[1-9]|1[0-2]|[A-Za-z]{3})');
  const weekday = field('(0?[0-6]|[A-Za-z]{3})');
  return [minute, hour, day, month, weekday].join('[ ]+');
}

function nicknames(): string {
  return '@(yearly|annually|monthly|weekly|daily|midnight|hourly)';
}

function every(): string {
  const [hours, minutes, seconds] = ['h', 'm', 's'].map((unit) => `[0-9]{1,9}${unit}`);
  return `@every[ ]+(${hours}(${minutes})?(${seconds})?|${minutes}(${seconds})?|${seconds})`;
}

/** A list of `*`, `?`, values and ranges, each with or without a step. */
function field(value: string): string {
  const part = `([*?]|${value}(-${value})?)(/[0-9]{1,2})?`;
  return `${part}(,${part})*`;
}
