import type { ProblemCode } from '#contract/problems.ts';
import type { Page } from './page.ts';
import type { TicketDesk } from './ticket.ts';
import { startWork } from './work/start-work.ts';

export type Obtained = ProblemCode | 'WORK_FAILED' | null;

/** After a refusal: so long until the next look. */
const pauseMs = 15_000;

/**
 * What happens before anyone presses: the question is fetched, the machine's work is done, the ticket is taken and kept
 * from expiring. The crowd's requests are spread over the wait; nothing of it says who comes first.
 */
export function createPreparation(deps: {
  page: Page;
  desk: TicketDesk;
  workerUrl: string;
  /** A person has to answer. */
  needsPerson: () => boolean;
  canPrepare: () => boolean;
  /** Until the opening; not above 0 once it is open. */
  leftMs: () => number;
  onChange: () => void;
  onProblem: (problem: Exclude<Obtained, null>) => void;
}) {
  const { page, desk, onChange } = deps;
  let obtaining: Promise<Obtained> | null = null;
  let isBusy = false;
  let fromMs = 0;
  let progress: number | null = null;
  let wasRefused = false;
  /** There is no sign-in here: until the shop's own has been used, asking again is of no use. */
  const isStranger = () => wasRefused && !page.session.isSignedIn();

  /** A ticket that needs no person: the work is done here, if there is any. */
  async function obtain(): Promise<Obtained> {
    const problem = desk.challenge() === null ? await desk.ask() : null;
    if (problem !== null) return problem;
    const challenge = desk.challenge();
    if (challenge?.work === undefined) return desk.redeem('');
    const userId = page.session.userId();
    if (userId === null) return 'UNAUTHENTICATED';
    progress = 0;
    onChange();
    const task = { challengeId: challenge.challengeId, userId, work: challenge.work };
    const outcome = await startWork(deps.workerUrl, task, (part) => {
      progress = part;
      onChange();
    }).done;
    progress = null;
    return outcome.kind === 'done' ? desk.redeem(outcome.answer) : 'WORK_FAILED';
  }

  /** One at a time: who presses while it runs waits for the same ticket. */
  function obtainOnce(): Promise<Obtained> {
    obtaining ??= obtain().finally(() => {
      obtaining = null;
    });
    return obtaining;
  }

  function next(): (() => Promise<Obtained>) | null {
    if (desk.needsRenewal()) return desk.renew;
    if (desk.held() !== null || !deps.canPrepare()) return null;
    if (!deps.needsPerson()) return obtainOnce;
    return desk.challenge() === null ? desk.ask : null;
  }

  return {
    obtain: obtainOnce,
    /** 0 to 1 while the machine works. */
    progress: () => progress,
    /** Called every second. */
    async tick(): Promise<void> {
      const step = isBusy || obtaining !== null || document.hidden || isStranger() ? null : next();
      if (step === null) return;
      const nowMs = page.clock.now();
      if (fromMs === 0) fromMs = nowMs + Math.random() * Math.min(15_000, Math.max(0, deps.leftMs()) / 4);
      if (nowMs < fromMs) return;
      isBusy = true;
      const problem = await step().finally(() => {
        isBusy = false;
      });
      wasRefused = problem === 'UNAUTHENTICATED';
      fromMs = problem === null ? 0 : page.clock.now() + pauseMs;
      if (problem !== null) deps.onProblem(problem);
      onChange();
    },
  };
}
