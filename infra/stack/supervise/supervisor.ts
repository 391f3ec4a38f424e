import { rotateLog } from '../host/log-file.ts';
import { emptyGrowing, rotateGrowing } from '../host/rotate-growing.ts';
import type { RunDirectory } from '../host/run-directory.ts';
import { endings, tiers } from '../plan/roles.ts';
import type { OnEvent } from './events.ts';
import type { ProcessSpec } from './process-spec.ts';
import type { ProcessState } from './state-file.ts';
import { type SupervisedProcess, superviseProcess } from './supervised-process.ts';

const rotateEveryMs = 10_000;

export type Supervisor = {
  /** Starts everything, each as soon as what it stands on is ready. Throws the first failure; `stop` is then due. */
  start: (signal: AbortSignal) => Promise<void>;
  /** Stops tier after tier; resolves when nothing is left. */
  stop: () => Promise<void>;
  processes: () => ProcessState[];
};

export function createSupervisor(options: {
  specs: readonly ProcessSpec[];
  dir: RunDirectory;
  searchPath: string;
  onEvent: OnEvent;
  onChange: (processes: ProcessState[]) => void;
}): Supervisor {
  const { specs, dir, searchPath, onEvent, onChange } = options;
  let ready = 0;
  const count = () => {
    ready += 1;
    return { nth: ready, all: specs.length };
  };
  const all: SupervisedProcess[] = specs.map((spec) =>
    superviseProcess({
      spec,
      log: dir.log(spec.name),
      searchPath,
      onEvent,
      count,
      onChange: () => onChange(processes()),
    }),
  );
  const processes = () => all.map((each) => each.state());

  /** It never throws: a process died in between, or the disk is full. Tried again in a moment; no reason to end the stack. */
  async function rotate(): Promise<void> {
    for (const each of all) {
      const { pid, phase } = each.state();
      const { growing, name } = each.spec;
      try {
        if (growing !== undefined && pid !== null && phase === 'up') rotateGrowing(growing, pid);
        await emptyGrowing(dir.log(name));
      } catch {}
    }
    await emptyGrowing(dir.log('stack')).catch(() => false);
  }
  let rotating: NodeJS.Timeout | undefined;

  async function start(signal: AbortSignal): Promise<void> {
    rotating = setInterval(() => void rotate(), rotateEveryMs).unref();
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const started = new Map<SupervisedProcess, Promise<void>>();

    const startOnce = (each: SupervisedProcess): Promise<void> => {
      const running = started.get(each) ?? startAfterOthers(each);
      started.set(each, running);
      return running;
    };
    const startAfterOthers = async (each: SupervisedProcess): Promise<void> => {
      const others = all.filter((other) => each.spec.after.includes(other.spec.role));
      const preparing = prepare(each);
      await Promise.all([preparing, ...others.map(startOnce)]);
      either.throwIfAborted();
      await each.start(either);
    };
    const prepare = async (each: SupervisedProcess): Promise<void> => {
      rotateLog(dir.log(each.spec.name));
      await each.spec.prepare?.(either);
    };

    let first: { error: unknown } | null = null;
    await Promise.all(
      all.map((each) =>
        startOnce(each).catch((error: unknown) => {
          first ??= { error };
          failed.abort(error);
        }),
      ),
    );
    if (first !== null) throw (first as { error: unknown }).error; // assigned in a callback: TypeScript sees only null
  }

  async function stop(): Promise<void> {
    clearInterval(rotating);
    for (const tier of tiers) {
      await Promise.all(all.filter((each) => endings[each.spec.role].tier === tier).map((each) => each.stop()));
    }
  }

  return { start, stop, processes };
}
