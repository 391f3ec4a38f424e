import type { Command } from 'commander';

/** A command of the first level, as the program's help lists it. */
export type Entry = {
  name: string;
  /** Its arguments, as commander spells them: `<saleId>`, `[saleId]`. */
  takes?: string;
  description: string;
};

export type Family = {
  entries: readonly Entry[];
  /** Commands that are for programs: the help does not list them. */
  hidden?: readonly string[];
  load: () => Promise<(program: Command) => void>;
};

/**
 * The files that register commands, in the order of the help, each with its commands of the first level. A file is loaded
 * when a command line names one of its commands, or for the whole tree: the help of the program is told by what stands
 * here (program.test.ts compares it with what the files register).
 */
export const families: readonly Family[] = [
  {
    entries: [
      { name: 'up', description: 'start the whole stack on this machine, and wait until it is ready' },
      { name: 'down', description: 'stop the stack in order, and wait until nothing of it is left' },
      {
        name: 'status',
        description: 'ask every process how it is, and the servers who leads them; exit code 1 when one is away',
      },
    ],
    load: async () => (await import('./stack/stack-commands.ts')).registerStackCommands,
  },
  {
    entries: [{ name: 'sale', description: 'create, show and steer sales' }],
    load: async () => (await import('./sale/sale-commands.ts')).registerSaleCommands,
  },
  {
    entries: [{ name: 'stock', description: 'the units of a sale' }],
    load: async () => (await import('./sale/stock-commands.ts')).registerStockCommands,
  },
  {
    entries: [{ name: 'pages', description: 'the static pages' }],
    load: async () => (await import('./sale/pages-commands.ts')).registerPagesCommands,
  },
  {
    entries: [{ name: 'tickets', description: 'tickets for rehearsals' }],
    load: async () => (await import('./keys/tickets-commands.ts')).registerTicketsCommands,
  },
  {
    entries: [
      {
        name: 'watch',
        takes: '[saleId]',
        description: 'the funnel of a sale, live, on the whole terminal (q quits); a line at each change when piped',
      },
    ],
    load: async () => (await import('./watch/watch-command.ts')).registerWatchCommand,
  },
  {
    entries: [
      {
        name: 'console',
        description: 'where the ops console of the stack on this machine is, and where its token is kept',
      },
    ],
    load: async () => (await import('./stack/console-command.ts')).registerConsoleCommand,
  },
  {
    entries: [
      {
        name: 'audit',
        takes: '<saleId>',
        description:
          'check the books of a sale, live: units by state, orders against reservations; exit 1 on a difference',
      },
    ],
    load: async () => (await import('./sale/audit-command.ts')).registerAuditCommand,
  },
  {
    entries: [{ name: 'drain', description: 'how fast accepted orders reach the database' }],
    load: async () => (await import('./order/drain-commands.ts')).registerDrainCommands,
  },
  {
    entries: [{ name: 'dlq', description: 'dead letters: jobs that were given up on, until you retry or drop them' }],
    load: async () => (await import('./order/dlq-commands.ts')).registerDlqCommands,
  },
  {
    entries: [{ name: 'subscriber', description: 'who is told about orders, by signed webhooks: docs/subscribers.md' }],
    load: async () => (await import('./subscriber/subscriber-commands.ts')).registerSubscriberCommands,
  },
  {
    entries: [{ name: 'order', description: 'one order, for support' }],
    load: async () => (await import('./order/order-commands.ts')).registerOrderCommands,
  },
  {
    entries: [{ name: 'orders', description: 'all orders of a sale' }],
    load: async () => (await import('./order/orders-commands.ts')).registerOrdersCommands,
  },
  {
    entries: [{ name: 'cdc', description: 'every change of the order tables, for the data team: docs/data-team.md' }],
    load: async () => (await import('./cdc/cdc-commands.ts')).registerCdcCommands,
  },
  {
    entries: [{ name: 'people', description: 'contact and address of shoppers: docs/personal-data.md' }],
    load: async () => (await import('./people/people-commands.ts')).registerPeopleCommands,
  },
  {
    entries: [{ name: 'edge', description: 'what every edge limits, changed while it runs' }],
    load: async () => (await import('./edge/edge-commands.ts')).registerEdgeCommands,
  },
  {
    entries: [{ name: 'keys', description: 'the keys that sign and check tickets; never their secrets' }],
    load: async () => (await import('./keys/keys-commands.ts')).registerKeysCommands,
  },
  {
    entries: [{ name: 'demo', description: 'a sale to play with on this machine' }],
    load: async () => (await import('./demo/demo-commands.ts')).registerDemoCommands,
  },
  {
    entries: [
      {
        name: 'loadtest',
        description: 'rehearse a sale under load with k6: checks first, audits at the end, writes one HTML report',
      },
    ],
    load: async () => (await import('./loadtest/loadtest-commands.ts')).registerLoadtestCommands,
  },
  {
    entries: [
      {
        name: 'plan',
        description:
          'how many edges, services and workers a sale needs, from measured costs, and which part gives first',
      },
    ],
    load: async () => (await import('./capacity/plan-command.ts')).registerPlanCommand,
  },
  {
    entries: [{ name: 'host', description: 'the machine that this command runs on' }],
    load: async () => (await import('./stack/host-command.ts')).registerHostCommand,
  },
  {
    entries: [
      {
        name: 'migrate',
        description:
          'bring the database of SECKILL_DATABASE_URL to the newest schema, and make the role of SECKILL_CDC_DATABASE_URL where that is given; safe to run by several at once',
      },
    ],
    load: async () => (await import('./stack/migrate-command.ts')).registerMigrateCommand,
  },
  {
    entries: [
      {
        name: 'completion',
        takes: '<shell>',
        description: 'what a shell needs to complete commands and sale ids: eval "$(seckill completion bash)"',
      },
    ],
    hidden: ['completion-sales'],
    load: async () => (await import('./completion/completion-command.ts')).registerCompletionCommands,
  },
];

/** The family of a command of the first level. */
export const familyOf = (name: string): Family | undefined =>
  families.find(({ entries, hidden = [] }) => hidden.includes(name) || entries.some((entry) => entry.name === name));
