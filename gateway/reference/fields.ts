import { z } from 'zod';

/** One field of a JSON body as the page shows it: `price.amount`, `integer`. */
export type Field = { name: string; type: string; optional: boolean };

type Schema = {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  format?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
};

/** The fields of a body, those of objects inside it by their paths. `input`: as a caller sends it. */
export function fieldsOf(schema: z.ZodType, io: 'input' | 'output'): Field[] {
  return walk(z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Schema, ''); // JSON Schema, of our own schemas
}

function walk(schema: Schema, prefix: string): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, of]) => {
    const name = prefix + key;
    const optional = schema.required?.includes(key) !== true;
    const inner = innerOf(of);
    const path = of.type === 'array' ? `${name}[].` : `${name}.`;
    return [{ name, type: typeOf(of), optional }, ...(inner === null ? [] : walk(inner, path))];
  });
}

/** The object inside, be it nullable or the items of a list. */
function innerOf(schema: Schema): Schema | null {
  if (schema.properties !== undefined) return schema;
  if (schema.items !== undefined) return innerOf(schema.items);
  return schema.anyOf?.find(({ properties }) => properties !== undefined) ?? null;
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' | ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  return schema.format ?? `${schema.type ?? 'anything'}${rangeOf(schema)}`;
}

function rangeOf({ type, minimum, maximum, maxLength }: Schema): string {
  if (maxLength !== undefined) return `, at most ${maxLength} characters`;
  const isOf = (bound: number | undefined) => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  return type === 'integer' && isOf(minimum) && isOf(maximum) ? `, ${minimum} to ${maximum}` : '';
}
