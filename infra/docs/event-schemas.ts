import { z } from 'zod';
import { cloudEventSchema, dataSchemaOf, sentEventTypes } from '#contract/cloud-events.ts';

/** The JSON Schemas of everything that subscribers get, by file name in docs/events: made from what we send by. */
export function eventSchemaFiles(): Map<string, string> {
  return new Map(
    sentEventTypes.map((type) => {
      // As input: what is not named here may be there, so that a field can be added one day.
      const { $schema, ...schema } = z.toJSONSchema(cloudEventSchema(type), { io: 'input' });
      const named = { $schema, $id: dataSchemaOf(type), title: type, ...schema };
      return [`${type}.json`, `${JSON.stringify(named, null, 2)}\n`];
    }),
  );
}
