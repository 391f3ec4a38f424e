import { saleKeys } from '#contract/redis-keys.ts';
import type { Barrier } from './barrier.ts';
import { faultOf, type StockFault } from './fault.ts';
import type { RunScripts } from './load-scripts.ts';
import { isGranted, type ReserveOutcome } from './outcomes.ts';
import { attempt } from './read-reply.ts';
import { noAnswer, type Reply } from './replication.ts';
import { outcomesIn, reserveArguments } from './reserve-call.ts';
import type { ReserveCall, StockDecisions } from './stock.ts';

/**
 * Several calls of the reserve script behind one barrier. Too few replicas: each yes among the outcomes is an unknown fault, a
 * refusal stands, for it gives nothing away. A Redis that does not know the script yet (a promoted replica) did nothing: it
 * is asked again by the script's text, behind a barrier of its own.
 */
export function createReserveGroup(scripts: RunScripts, barrier: Barrier): StockDecisions['reserveGroup'] {
  async function ask(calls: readonly ReserveCall[], by: 'sha' | 'text'): Promise<(ReserveOutcome | Error)[][]> {
    const { replies, fault } = await barrier.send(calls.at(-1)?.saleId ?? '', (pipeline) => {
      for (const { saleId, asked } of calls)
        scripts.add(pipeline, by, 'reserve', saleKeys(saleId), asked.flatMap(reserveArguments));
    });
    const notKnown = calls.filter((_call, index) => by === 'sha' && isNotKnown(replies[index]));
    const again = notKnown.length === 0 ? [] : await ask(notKnown, 'text');
    return calls.map((call, index) => {
      const later = notKnown.indexOf(call);
      return (later === -1 ? undefined : again[later]) ?? outcomesBehind(call, replies[index] ?? noAnswer, fault);
    });
  }
  return (calls) => ask(calls, 'sha');
}

const isNotKnown = (reply: Reply | undefined) => reply?.[0]?.message.startsWith('NOSCRIPT') === true;

function outcomesBehind({ asked }: ReserveCall, [error, reply]: Reply, fault: StockFault | null) {
  const outcomes = error === null ? attempt(() => outcomesIn(reply, asked)) : faultOf(error);
  if (outcomes instanceof Error) return asked.map(() => outcomes);
  if (fault === null) return outcomes;
  return outcomes.map((outcome) => (outcome instanceof Error || !isGranted(outcome) ? outcome : fault));
}
