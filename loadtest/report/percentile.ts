/**
 * The value that `share` (0 to 1) of the values do not exceed: the nearest rank, so it is one that was measured.
 * `sorted` ascending. 0 when there is none.
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? 0;
}
