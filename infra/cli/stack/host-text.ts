import { counted } from '#runtime/counted.ts';
import type { Found } from '../../sale-check/finding.ts';

const marks = { pass: 'ok  ', warn: 'WARN', fail: 'FAIL' } as const;

/** What was found of this machine, a line each with what mends it, and how many there are to look at. */
export function hostText(findings: readonly Found[]): string {
  const warnings = findings.filter(({ verdict }) => verdict === 'warn').length;
  return [
    ...findings.flatMap(({ verdict, says, mend }) => [
      `${marks[verdict]} ${says}`,
      ...(mend === null ? [] : [`     mend: ${mend}`]),
    ]),
    ...(warnings === 0 ? [] : [`${counted(warnings, 'warning')}: a sale works, and slower than it could`]),
  ].join('\n');
}
