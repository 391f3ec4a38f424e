import { readFileSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/**
 * Gives this process the lowest priority: where it shares processors with what stores orders, that goes first. A Linux with
 * `sched_autogroup_enabled` weighs sessions against each other, and a process only within its own (sched(7)): where we are the leader of
 * one, as under a supervisor, the session gets it, too. In a terminal's session it would weigh on all that runs there.
 */
export function goLast(): void {
  setPriority(constants.priority.PRIORITY_LOW);
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // state, parent, group, session
    if (Number(session) === process.pid) writeFileSync('/proc/self/autogroup', String(constants.priority.PRIORITY_LOW));
  } catch {
    // no Linux, or one without it
  }
}
