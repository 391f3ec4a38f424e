import type { Machine, Visitor } from './machines.ts';
import type { Visit } from './visit.ts';

/** What is kept of the last run of each part, in `docs/machines.json`; `docs/machines.md` is made of it. */
export type Results = {
  visits: Record<string, VisitResult>;
  npm: Record<string, NpmResult>;
  tests: Record<string, TestResult>;
};
type When = { date: string; commit: string };
export type VisitResult = When & {
  machine: string;
  visitor: string;
  versions: string;
  skipped?: string;
  visit?: Visit;
};
export type NpmResult = When & { npm: string; machine: string; brings: string; node: string };
export type TestResult = When & {
  machine: string;
  visitor: string;
  versions: string;
  passed: boolean;
  seconds: number;
  counts: string;
};

export const visitKey = (machine: Machine, visitor: Visitor) => `${machine.name} ${visitor.name}`;

const seconds = (value: number) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} s`;
const row = (...cells: string[]) => `| ${cells.join(' | ')} |`;

function visitRow({ machine, visitor, versions, date, commit, skipped, visit }: VisitResult): string {
  if (visit === undefined)
    return row(machine, visitor, versions, `not tried: ${skipped ?? ''}`, '', '', '', '', `${date}, ${commit}`);
  const { firstStart, secondStart, crowd, audit, stop, problems } = visit;
  const end = problems.length === 0 ? 'nothing left' : `**${problems.length} problems**`;
  return row(
    machine,
    visitor,
    versions,
    seconds(firstStart),
    seconds(secondStart),
    crowd,
    audit.replace(/^demo-\d+: /, ''),
    `${seconds(stop)}, ${end}`,
    `${date}, ${commit}`,
  );
}

/** The page of the documentation. */
export function reportText(results: Results): string {
  const head = (...cells: string[]) => [row(...cells), row(...cells.map(() => '---'))];
  const byKey = <Value>(of: Record<string, Value>) =>
    Object.entries(of)
      .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
      .map(([, value]) => value);
  return `${[
    '# Where the two commands were tried',
    '',
    'Made by `npm run test:machines` (as root, on Debian with `mmdebstrap`). It builds the root file system of each distribution',
    'with `git` and `npm` and nothing else, and uses it as a newcomer would, from the last commit of this checkout. Do not edit it by hand.',
    '',
    '## `npm start`',
    '',
    'From `npm start` in a fresh clone to the open sale, with everything that is installed on the way; then a crowd of 2,000 for 200 units, the audit,',
    'Ctrl-C, a look at what is left (processes, servers that start at boot, files outside the checkout), and a second start.',
    '',
    ...head('machine', 'started by', 'brings', 'first start', 'second start', 'got in', 'audit', 'Ctrl-C', 'tried'),
    ...byKey(results.visits).map(visitRow),
    '',
    '## `npm test`',
    '',
    ...head('machine', 'started by', 'brings', 'result', 'took', 'tried'),
    ...byKey(results.tests).map((it) =>
      row(
        it.machine,
        it.visitor,
        it.versions,
        `${it.passed ? '' : '**failed** '}${it.counts.replaceAll(' | ', ', ')}`,
        `${(it.seconds / 60).toFixed(0)} min`,
        `${it.date}, ${it.commit}`,
      ),
    ),
    '',
    '## npm versions',
    '',
    'The set-up from nothing with each npm; the Node that the checkout has afterwards is that of the lockfile.',
    '',
    ...head('npm', 'on', 'Node of the checkout', 'tried'),
    ...byKey(results.npm).map(({ npm, machine, brings, node, date, commit }) =>
      row(npm, `${machine}, Node ${brings}`, node, `${date}, ${commit}`),
    ),
  ].join('\n')}\n`;
}
