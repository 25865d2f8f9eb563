import type { JudgedObject, ValidationReport } from './validation.ts';

/** What `talaria validate` prints: a line `file:line: ...` for each problem and note, and a summary. */
export function validationText({ objects, unreadable, ignored }: ValidationReport): string {
  const lines = [
    ...unreadable.map(({ file, line, message, cure }) => `${file}:${line}: ${sentence(message, cure)}`),
    ...objects.flatMap(objectLines),
    ...ignored.map(
      ({ file, line, object }) => `${file}:${line}: note: ${object} is not of Talaria and was not checked`,
    ),
    summary(objects, unreadable.length),
  ];
  return `${lines.join('\n')}\n`;
}

function objectLines({ file, line, object, verdict, problems, limited }: JudgedObject): string[] {
  const faults = problems.map((problem) => {
    const place = problem.path === '' ? '' : `${problem.path}: `;
    return `${file}:${problem.line}: ${verdict} ${object}: ${place}${sentence(problem.message, problem.cure)}`;
  });
  if (limited.length === 0) return faults;
  return [
    ...faults,
    `${file}:${line}: note: ${object} sets ${limited.join(', ')}: stored, not acted on by this version`,
  ];
}

function sentence(message: string, cure: string): string {
  return cure === '' ? message : `${message}; ${cure}`;
}

function summary(objects: readonly JudgedObject[], unreadable: number): string {
  const count = (wanted: JudgedObject['verdict']) => objects.filter(({ verdict }) => verdict === wanted).length;
  if (objects.length + unreadable === 0) return 'there are no manifests of Talaria here';
  const broken = unreadable === 0 ? '' : `, ${unreadable} unreadable`;
  return `${count('Accepted')} accepted, ${count('NotAccepted')} not accepted, ${count('Refused')} refused${broken}`;
}
