/** Names of the alerts in a rule file, in its order. */
export function alertNames(rules: string): string[] {
  return [...rules.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = '']) => name);
}

/** What a text names that could be a metric of ours or of Node's. Words in a comment count, too. */
export function metricNamesIn(text: string): string[] {
  // What stands in quotes is the value of a label.
  return [...new Set(text.replaceAll(/"[^"\n]*"/g, '').match(/\b(?:seckill|nodejs|process)_[a-z0-9_]+/g))];
}

type Panel = { targets?: { expr: string }[] };

/** Every query of a Grafana dashboard. */
export function expressionsOf(dashboard: string): string[] {
  const { panels } = JSON.parse(dashboard) as { panels: Panel[] };
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}
