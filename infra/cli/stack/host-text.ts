import { counted } from '#runtime/counted.ts';
import { type Found, verdictMarks } from '../../sale-check/finding.ts';

/** What was found of this machine, a line each with what mends it, and how many there are to look at. */
export function hostText(findings: readonly Found[]): string {
  const warnings = findings.filter(({ verdict }) => verdict === 'warn').length;
  return [
    ...findings.flatMap(({ verdict, says, mend }) => [
      `${verdictMarks[verdict]} ${says}`,
      ...(mend === null ? [] : [`     mend: ${mend}`]),
    ]),
    ...(warnings === 0 ? [] : [`${counted(warnings, 'warning')}: a sale works, and slower than it could`]),
  ].join('\n');
}
