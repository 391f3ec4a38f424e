/** `42s`, `3m 5s`, `2h 10m`, `4d 1h`. */
export function uptime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const whole = (unit: number) => Math.floor(seconds / unit);
  const [days, hours, minutes] = [whole(86_400), whole(3_600), whole(60)];
  if (days > 0) return `${days}d ${hours % 24}h`;
  if (hours > 0) return `${hours}h ${minutes % 60}m`;
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`;
}
