import { z } from 'zod';
import { createDocument, type ZodOpenApiResponsesObject } from 'zod-openapi';
import type { ApiAccess, ApiAnswer, ApiRoute } from '#contract/api/route.ts';
import { apiRoutes } from '#contract/api/routes.ts';
import { challengeSchema } from '#contract/challenge.ts';
import { orderIdSchema, orderViewSchema } from '#contract/order.ts';
import { paymentAnswerSchema } from '#contract/payment.ts';
import {
  bearerChallenge,
  type ProblemCode,
  problemBody,
  problemCodes,
  problemContentType,
  problems,
} from '#contract/problems.ts';
import { publicSaleSchema, saleIdSchema } from '#contract/sale.ts';

/** The version of the API's words, not of the program: it changes when a client may notice. */
const apiVersion = '1.0.0';

const introduction = `One origin, the edge. Bodies are JSON; times are ISO 8601 UTC; amounts are in minor units by ISO 4217 (1999 is 19.99 CNY or 1999 JPY).

A refusal is \`application/problem+json\` (RFC 9457) with a stable \`code\`; \`Retry-After\` tells in seconds when asking
again may help. Where GET is allowed, HEAD is too. A path that is not here answers \`NOT_FOUND\`.

A purchase: sign in → \`getChallenge\` → \`getTicket\` → \`buy\` → \`followOrder\` → \`pay\`.`;

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(problemCodes),
    detail: z.string().optional(),
  })
  .meta({
    id: 'Problem',
    description: '`title` is for a person, `detail` says what to change, `code` is for a program.',
  });

const security: Record<ApiAccess, Record<string, string[]>[]> = {
  open: [],
  session: [{ session: [] }],
  ticket: [{ ticket: [] }],
  webhook: [{ webhookSignature: [] }],
};

/** The OpenAPI 3.1 document of {@link apiRoutes}: made from the schemas that the processes themselves go by. */
export function createOpenApi() {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of apiRoutes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  return createDocument(
    {
      openapi: '3.1.1',
      info: {
        title: 'seckill',
        version: apiVersion,
        description: introduction,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: 'http://127.0.0.1:8080', description: 'the edge of a stack on this machine' }],
      tags: [...new Set(apiRoutes.map(({ group }) => group))].map((name) => ({ name })),
      paths,
      components: {
        schemas: {
          Problem: problemSchema,
          Sale: publicSaleSchema,
          Challenge: challengeSchema,
          Order: orderViewSchema,
          Payment: paymentAnswerSchema,
        },
        examples: Object.fromEntries(problemCodes.map((code) => [code, { value: problemBody(code) }])),
        securitySchemes: {
          session: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'the token of the sign-in' },
          ticket: { type: 'apiKey', in: 'header', name: 'Seckill-Ticket', description: 'the ticket of `getTicket`' },
          webhookSignature: {
            type: 'apiKey',
            in: 'header',
            name: 'webhook-signature',
            description: 'Standard Webhooks: with `webhook-id` and `webhook-timestamp`',
          },
        },
      },
    },
    { override: ({ jsonSchema }) => loosen(jsonSchema) },
  );
}

/** An answer may have more fields one day; a date-time is said by its format, and a whole number by its type. */
function loosen(jsonSchema: Record<string, unknown>): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

const pathNames = {
  saleId: saleIdSchema.meta({ example: 'autumn-phone' }),
  orderId: orderIdSchema.meta({ example: 'autumn-phone-01jd3n8c2x5v7z9b1d3f5h7k9m' }),
};

function operationOf(route: ApiRoute) {
  const { path, operation, group, summary, says, access, body, headers, query } = route;
  const names = Object.entries(pathNames).filter(([name]) => path.includes(`{${name}}`));
  return {
    operationId: operation,
    tags: [group],
    summary,
    description: says,
    security: security[access],
    requestParams: {
      ...(names.length === 0 ? {} : { path: z.object(Object.fromEntries(names)) }),
      ...(query === undefined ? {} : { query: leftOut(query) }),
      ...(headers === undefined ? {} : { header: leftOut(headers) }),
    },
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: { ...successes(route.answers), ...refusals(route.refusals, group === 'Pages') },
  };
}

/** Parameters that may be left out. */
const leftOut = (named: readonly { name: string; says: string }[]) =>
  z.object(
    Object.fromEntries(named.map(({ name, says }) => [name, z.string().optional().meta({ description: says })])),
  );

function successes(answers: Readonly<Record<number, ApiAnswer>>): ZodOpenApiResponsesObject {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { says, schema, type = 'application/json', headers }]) => {
      const hasBody = schema !== undefined || type !== 'application/json';
      const content = { [type]: schema === undefined ? { schema: z.string() } : { schema } };
      const named = Object.entries(headers ?? {}).map(([name, description]) => [name, header(description, 'string')]);
      return [
        status,
        {
          description: says,
          ...(hasBody ? { content } : {}),
          ...(named.length === 0 ? {} : { headers: Object.fromEntries(named) }),
        },
      ];
    }),
  );
}

/** One response a status: its codes, an example of each. `toPeople`: a page in its place, unless JSON is asked for. */
function refusals(codes: readonly ProblemCode[], toPeople: boolean): ZodOpenApiResponsesObject {
  const byStatus = Map.groupBy([...new Set(codes)], (code) => problems[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, here]) => {
      const waits = here.some((code) => problems[code].retryable && code !== 'WRONG_ANSWER');
      const headers = {
        ...(waits ? { 'Retry-After': header('seconds after which asking again may help', 'integer') } : {}),
        ...(here.includes('UNAUTHENTICATED')
          ? { 'WWW-Authenticate': header(`of \`UNAUTHENTICATED\`: \`${bearerChallenge}\``, 'string') }
          : {}),
        ...(here.includes('METHOD_NOT_ALLOWED') ? { Allow: header('the methods of this path', 'string') } : {}),
      };
      const narrowed = { status: { const: status }, code: { enum: here } };
      const schema = { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: narrowed }] };
      const examples = Object.fromEntries(here.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
      const description = here.map((code) => `\`${code}\` ${problems[code].title}`).join(' ');
      return [
        String(status),
        {
          description,
          ...(Object.keys(headers).length === 0 ? {} : { headers }),
          content: {
            [problemContentType]: { schema, examples },
            ...(toPeople ? { 'text/html': { schema: z.string() } } : {}),
          },
        },
      ];
    }),
  );
}

const header = (description: string, type: 'string' | 'integer') => ({ description, schema: { type } });
