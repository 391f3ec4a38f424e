export type Sample = { name: string; labels: Record<string, string>; value: number };

/**
 * Samples of the Prometheus text format 0.0.4, as our own processes write it (no escaped quotes in label values).
 * Source: prometheus.io, "Exposition formats".
 */
export function parseSamples(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const match = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const [, name = '', labelText = '', value] = match;
    const labels = Object.fromEntries(
      [...labelText.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', text = '']) => [key, text]),
    );
    samples.push({ name, labels, value: Number(value) });
  }
  return samples;
}
