/**
 * What shows the processes to the person who reads it here: SECKILL_STATUS_COMMAND, which says `seckill status` for the stack of
 * this machine. In a container that command knows nothing.
 */
export const statusCommand = ({ SECKILL_STATUS_COMMAND: told }: Readonly<Record<string, string | undefined>>): string =>
  told ?? 'look at the process and its log';
