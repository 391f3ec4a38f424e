import { hasPassed } from '#loadtest/report/build-report.ts';
import type { Phase, Report } from '#loadtest/report/report.ts';
import { counted } from '#runtime/counted.ts';
import { table } from '../../text/table.ts';

/** The report as a terminal shows it. */
export function reportText(report: Report, file: string, width: number | null): string {
  const { totals } = report;
  return [
    `${report.kind} of ${report.saleId}: ${hasPassed(report) ? 'passed' : 'NOT PASSED'}`,
    `  requests  ${totals.requests} in ${Math.round(report.loadSeconds)} s, ${Math.round(totals.perSecondMean)}/s on average, ${totals.perSecondMost} in the fullest second`,
    `  units     ${totals.sold} of ${totals.units} sold, ${counted(totals.stored, 'order')} stored`,
    ...report.phases.map(phaseLine),
    table(
      ['ROUTE', 'REQUESTS', 'P50 MS', 'P99 MS', 'OUTCOMES'],
      report.routes.map(({ route, count, p50, p99, outcomes }) => [
        route,
        count,
        p50,
        p99,
        Object.entries(outcomes)
          .map(([outcome, number]) => `${outcome} ${number}`)
          .join(', '),
      ]),
      width,
    ),
    ...report.thresholds.map(({ holds, name, says }) => `  ${holds ? 'ok  ' : 'FAIL'} ${name}: ${says}`),
    ...report.notes.map((note) => `  note: ${note}`),
    `report: ${file}`,
  ].join('\n');
}

function phaseLine({ name, shoppers, requests, perSecondMost, p50, p99, refused }: Phase): string {
  const what =
    shoppers === null
      ? ''
      : `${shoppers.got} of ${counted(shoppers.asked, 'shopper')} got one (${shoppers.planned} planned), `;
  const codes = Object.entries(refused).map(([code, count]) => `${code} ${count}`);
  return `  ${name.padEnd(8)}  ${what}${counted(requests, 'request')}, ${perSecondMost} in the fullest second, p50 ${p50} ms, p99 ${p99} ms${codes.length === 0 ? '' : `; refused: ${codes.join(', ')}`}`;
}
