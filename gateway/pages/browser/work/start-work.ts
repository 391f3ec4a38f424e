import type { Task } from './solve.ts';

export type WorkDone = { kind: 'done'; answer: string } | { kind: 'failed' } | { kind: 'stopped' };

/**
 * Does the work beside the page, in a worker, so that the page stays alive. `onProgress` gets 0 to 1. Rounds are equal
 * on average, so the bar tells the truth.
 */
export function startWork(url: string, task: Task, onProgress: (part: number) => void) {
  let stop: () => void = () => {};
  const done = new Promise<WorkDone>((resolve) => {
    let worker: Worker;
    try {
      worker = new Worker(url);
    } catch {
      return resolve({ kind: 'failed' });
    }
    const end = (outcome: WorkDone) => {
      worker.terminate();
      resolve(outcome);
    };
    stop = () => end({ kind: 'stopped' });
    const nonces: string[] = [];
    worker.addEventListener('error', () => end({ kind: 'failed' }));
    worker.addEventListener('message', ({ data }: MessageEvent<{ nonce: string }>) => {
      nonces.push(data.nonce);
      onProgress(nonces.length / task.work.rounds);
      if (nonces.length === task.work.rounds) end({ kind: 'done', answer: nonces.join(',') });
    });
    worker.postMessage(task);
  });
  return { done, stop: () => stop() };
}
