const pad = (value: number) => String(value).padStart(2, '0');

/** `04:05:06`, with `3d ` before it from a day on; never below zero. Rounds up: it reads 00:00:00 only when it is time. */
export function formatCountdown(leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000));
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(pad).join(':');
  return days > 0 ? `${days}d ${clock}` : clock;
}
