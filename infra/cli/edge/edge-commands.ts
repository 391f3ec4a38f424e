import { type Command, InvalidArgumentError } from 'commander';
import {
  type EdgeLimitName,
  type EdgeSettings,
  edgeLimitNames,
  highestEdgeLimit,
  longestRetryAfterSeconds,
} from '#contract/edge-settings.ts';
import { nextEpoch } from '#contract/epoch.ts';
import { changeEdgeSettings, noEdgeSettings, readEdgeSettings, unreadable } from '#sales/edge-settings.ts';
import { readEdges, waitForEdges } from '#sales/edges.ts';
import { carryOut, changes } from '../kit/change.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { registerEdgeRenderCommand } from './edge-render-command.ts';
import { edgesTable, settingsText, stepText } from './edges-text.ts';

function limitName(text: string): EdgeLimitName {
  const name = edgeLimitNames.find((known) => known === text);
  if (name === undefined) throw new InvalidArgumentError(`it must be one of ${edgeLimitNames.join(', ')}.`);
  return name;
}

type Settings = Omit<EdgeSettings, 'version'>;

/** Changes the settings, waits for the edges, and says who follows; exit 1 when one does not. */
async function change(command: Command, next: (current: Settings) => Settings): Promise<void> {
  await withConnections(command, async ({ zookeeper, output, run }) => {
    const found = await readEdgeSettings(zookeeper);
    const before = found === unreadable ? null : found;
    // Edges keep what they were told when ZooKeeper has lost it; a new version would lift all that it does not name.
    const obeying = before === null ? (await readEdges(zookeeper)).filter((edge) => edge.settingsVersion > 0) : [];
    const isLost = obeying.length > 0;
    const version = nextEpoch(before?.version ?? 0, ...obeying.map((edge) => edge.settingsVersion));
    const after = { ...next(before ?? noEdgeSettings), version };
    const now = isLost
      ? `${found === unreadable ? 'UNREADABLE in' : 'LOST by'} ZooKeeper; ${obeying.map(({ edgeId }) => edgeId).join(', ')} still obeys it, and what this does not name ends`
      : `now: ${settingsText(before)}`;
    await carryOut(command, output, {
      will: `set on every edge: ${settingsText(after)} (${now})`,
      facts: { before, after, obeying },
      ...(isLost ? { asks: true, details: edgesTable(obeying, Date.now(), output.width).split('\n') } : {}),
      apply: async () => {
        const settings = await changeEdgeSettings(zookeeper, next);
        const edges = await waitForEdges(zookeeper, ({ settingsVersion }) => settingsVersion >= settings.version);
        output.result({ settings, edges }, `${settingsText(settings)}; ${stepText(edges)}`);
        if (edges.behind.length > 0) run.exitCode = 1;
      },
    });
  });
}

export function registerEdgeCommands(program: Command): void {
  const edge = program.command('edge').description('what every edge limits, changed while it runs');
  const add = (name: string, description: string) =>
    edge.command(name).description(description).addOption(jsonOption()).addOption(dirOption());

  add('show', 'what was set, and what each edge obeys').action((_options, command: Command) =>
    withConnections(command, async ({ zookeeper, output }) => {
      const [settings, edges] = [await readEdgeSettings(zookeeper), await readEdges(zookeeper)];
      output.result({ settings, edges }, `${settingsText(settings)}\n${edgesTable(edges, Date.now(), output.width)}`);
    }),
  );

  changes(add('set', 'change a limit on every edge, and wait until they follow'), 'when lost')
    .argument('<name>', edgeLimitNames.join(', '), limitName)
    .argument('<value>', 'per second; at once (burst); at a time (inFlight)', wholeNumber(1, highestEdgeLimit))
    .action((name: EdgeLimitName, value: number, _options, command: Command) =>
      change(command, (current) => ({ ...current, limits: { ...current.limits, [name]: value } })),
    );

  changes(add('reset', "a limit, or all of them, back to each edge's own configuration"), 'when lost')
    .argument('[name]', edgeLimitNames.join(', '), limitName)
    .action((name: EdgeLimitName | undefined, _options, command: Command) =>
      change(command, ({ limits, maintenance }): Settings => {
        if (name === undefined) return { limits: {}, maintenance };
        const { [name]: _, ...others } = limits;
        return { limits: others, maintenance };
      }),
    );

  registerEdgeRenderCommand(edge);

  const maintenance = edge.command('maintenance').description('answer 503 instead of working; pages stay');
  changes(maintenance.command('on'), 'when lost')
    .description('every route that does work answers 503 UNAVAILABLE, on every edge')
    .option('--retry-after <seconds>', 'when to come back', wholeNumber(1, longestRetryAfterSeconds), 30)
    .addOption(jsonOption())
    .addOption(dirOption())
    .action(({ retryAfter }: { retryAfter: number }, command: Command) =>
      change(command, (current) => ({ ...current, maintenance: { retryAfterSeconds: retryAfter } })),
    );
  changes(maintenance.command('off'), 'when lost')
    .description('work again')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) => change(command, (current) => ({ ...current, maintenance: null })));
}
