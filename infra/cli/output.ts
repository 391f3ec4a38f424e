/** Where results go: text for people, one JSON document for machines. Progress goes to stderr. */
export type Output = {
  result: (value: unknown, text: string) => void;
  progress: (text: string) => void;
};

export function createOutput(json: boolean): Output {
  return {
    result: (value, text) => process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`),
    progress: (text) => process.stderr.write(`${text}\n`),
  };
}

/** Aligned columns; numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_title, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const isNumber = header.map(
    (_title, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          isNumber[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `19.99 CNY` from minor units, by the currency's own number of digits. */
export function money(price: { amount: number; currency: string }): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: price.currency, currencyDisplay: 'code' });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return `${(price.amount / 10 ** digits).toFixed(digits)} ${price.currency}`;
}
