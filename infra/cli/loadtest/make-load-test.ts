import { crowdAddresses } from '#loadtest/plan/addresses.ts';
import { botScenarios } from '#loadtest/plan/bots.ts';
import { peakScenarios } from '#loadtest/plan/peak.ts';
import type { LoadKind, TicketSource } from '#loadtest/plan/plan.ts';
import { smokeScenarios } from '#loadtest/plan/smoke.ts';
import { soakScenarios } from '#loadtest/plan/soak.ts';
import type { CommandContext } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { statusCommand } from '../kit/status-command.ts';
import { publishAllPages, readPagesPlace } from '../sale/pages-commands.ts';
import { besideBots } from './bots-beside.ts';
import { bounds, checkTickets, parseDuration } from './parameters.ts';
import type { LoadTest } from './run-load-test.ts';
import { nextSaleId, shadowStem } from './shadow-sale.ts';
import { visitPaths } from './visit-paths.ts';

/** `rehearsed`: the coming sale, of a rehearsal. */
export type Asked = { kind: LoadKind; rehearsed: string | undefined };

type Given = {
  duration: string;
  shoppers?: number;
  units?: number;
  spike?: number;
  rate?: number;
  sale?: string;
  minted?: boolean;
  isLoopback: boolean;
};

const crowd = { doubleClick: 0.1, pressAgain: 0.3, poll: 0.2 };
const quiet = { doubleClick: 0, pressAgain: 0, poll: 0.1 };
const mintedNote =
  'The tickets were minted before: what challenges and tickets cost the edge is in none of these figures. Leave --minted out to have it in.';
const oneMachine =
  'k6 ran on the same machine as the system: it took its share of the processor (see the chart), it limits the rate, and its own waiting is part of every latency.';

/** The test as it was asked for, checked; nothing is changed yet. */
export async function makeLoadTest(context: CommandContext, asked: Asked, given: Given): Promise<LoadTest> {
  const { kind } = asked;
  const edgeUrl = context.environment.SECKILL_EDGE_URL ?? '';
  const publish = async () => {
    if (!given.isLoopback || context.environment.SECKILL_PAGES_DIR === undefined) return;
    await publishAllPages(context, readPagesPlace(context.environment));
  };
  const name = async (stem: string) => given.sale ?? (await nextSaleId(context, shadowStem(stem)));
  const visit =
    (saleId: string, page = '/') =>
    async () => {
      await publish();
      return visitPaths(edgeUrl, page, saleId, statusCommand(context.environment));
    };
  const getsTickets = given.minted !== true;
  const whole = {
    tickets: (getsTickets ? 'edge' : 'minted') as TicketSource,
    // A crowd has many addresses. One machine has them on its own loopback alone, and macOS has only one there.
    localIps: given.isLoopback && process.platform === 'linux' && !edgeUrl.includes('[') ? crowdAddresses : null,
  };
  const notes = given.isLoopback ? [oneMachine] : [];
  const wholeNotes = [...notes, ...(getsTickets ? [] : [mintedNote])];
  const common = {
    kind,
    tickets: 'own' as TicketSource,
    behaviour: quiet,
    opensAfterSeconds: 0,
    phases: [],
    localIps: null,
    pays: false,
    notes,
  };

  switch (kind) {
    case 'smoke': {
      const durationSeconds = parseDuration(given.duration, bounds.smoke.durationSeconds);
      // On this machine the payment provider is the sandbox: only there may it pay, and so only there the sale is no shadow.
      const pays = given.isLoopback && given.sale === undefined;
      const saleId = pays ? await nextSaleId(context, 'smoke') : await name('smoke');
      return {
        ...common,
        script: 'smoke',
        sale: { saleId, units: durationSeconds * 4 + 10, payWithinSeconds: 900 },
        scenarios: smokeScenarios({ durationSeconds }),
        shoppers: 0,
        durationSeconds,
        pays,
        parameters: { duration: `${durationSeconds} s` },
        visit: async () => [...(await visit(saleId)()).slice(0, -1), ...(pays ? [`/sales/${saleId}`] : [])],
        afterOpening: publish,
      };
    }
    case 'peak':
    case 'rehearsal': {
      const durationSeconds = parseDuration(given.duration, bounds.peak.durationSeconds);
      const like = asked.rehearsed === undefined ? undefined : await findSale(context, asked.rehearsed);
      const units = like?.units ?? given.units ?? 10_000;
      const shoppers = given.shoppers ?? Math.min(100_000, Math.max(1000, units * 10));
      const spike = given.spike ?? Math.min(1000, Math.max(1, Math.round(shoppers / 10)));
      const saleId = await name(like?.saleId ?? 'peak');
      const planned = peakScenarios({ shoppers, spike, durationSeconds, getsTickets });
      const { opensAfterSeconds, ticketsFromSeconds, pressFromSeconds, scenarios } = planned;
      const hasPage = like !== undefined && (await context.stock.sale(like.saleId)) !== null;
      return {
        ...common,
        ...whole,
        notes: [...wholeNotes, ...(getsTickets ? quizNotes(like) : [])],
        script: 'peak',
        sale: { saleId, units, ...(like === undefined ? {} : { like }) },
        scenarios,
        behaviour: crowd,
        shoppers,
        durationSeconds,
        opensAfterSeconds,
        phases: [
          ...(getsTickets ? [{ label: 'tickets', fromSeconds: ticketsFromSeconds }] : []),
          { label: 'press', fromSeconds: pressFromSeconds },
        ],
        parameters: {
          ...(like === undefined ? {} : { 'rehearsed sale': like.saleId }),
          shoppers,
          units,
          'buyers a second in the spike': spike,
          duration: `${durationSeconds} s`,
          tickets: ticketWords[whole.tickets],
          ...shares(crowd),
        },
        visit: visit(saleId, hasPage ? `/sales/${like.saleId}` : '/'),
      };
    }
    case 'soak': {
      const durationSeconds = parseDuration(given.duration, bounds.soak.durationSeconds);
      const rate = given.rate ?? 200;
      const { shoppers, scenarios } = soakScenarios({ rate, durationSeconds, getsTickets });
      checkTickets(shoppers, `${rate} requests a second for ${durationSeconds} s`);
      const saleId = await name('soak');
      return {
        ...common,
        ...whole,
        notes: wholeNotes,
        script: 'soak',
        sale: { saleId, units: shoppers },
        scenarios,
        shoppers,
        durationSeconds,
        parameters: {
          'requests a second': rate,
          units: shoppers,
          duration: `${durationSeconds} s`,
          tickets: ticketWords[whole.tickets],
          ...shares(quiet),
        },
        visit: visit(saleId),
      };
    }
    case 'bots': {
      const durationSeconds = parseDuration(given.duration, bounds.bots.durationSeconds);
      const { shoppers, scenarios } = botScenarios({ durationSeconds });
      const saleId = await name('bots');
      return {
        ...common,
        tickets: 'minted',
        script: 'bots',
        sale: { saleId, units: shoppers },
        scenarios,
        shoppers,
        durationSeconds,
        localIps: given.isLoopback ? crowdAddresses : null,
        parameters: { duration: `${durationSeconds} s`, tickets: shoppers },
        notes: given.isLoopback
          ? common.notes
          : ['The edge is on another host, so all of this came from one address: "shared" says nothing here.'],
        visit: async () => [],
        beside: () => besideBots(context, edgeUrl),
      };
    }
  }
}

const ticketWords: Record<TicketSource, string> = {
  edge: 'each shopper asks for a challenge, answers it and gets one through the edge',
  minted: 'minted before the run',
  own: 'each walk gets its own',
};

/** A shop's own questions are for people; the shadow asks for sums in their place. */
const quizNotes = (like: Awaited<ReturnType<typeof findSale>> | undefined): string[] =>
  like?.sealedQuiz === undefined
    ? []
    : [
        `${like.saleId} asks questions of its own, which no machine can answer: its shadow asked for sums, which cost the edge about the same. --minted leaves challenges and tickets out.`,
      ];

const shares = ({ doubleClick, pressAgain, poll }: LoadTest['behaviour']) => ({
  'press twice at once': `${doubleClick * 100} % of the buyers`,
  'press again when it is sold out': `${pressAgain * 100} % of those, up to three times`,
  'watch their order': `${poll * 100} % of the winners`,
});
