import { solveRound, type Task } from './solve.ts';

/** Answers a task with one message a round, `{ nonce }`. What a page asks for next waits until the last is done. */
addEventListener('message', ({ data }: MessageEvent<Task>) => {
  for (let round = 0; round < data.work.rounds; round += 1) postMessage({ nonce: solveRound(data, round) });
});
