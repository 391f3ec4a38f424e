import { z } from 'zod';
import { userIdSchema } from './order.ts';

/** `POST /api/session`, 201: the demo sign-in's user, and the bearer token that says so. */
export const sessionAnswerSchema = z.object({ userId: userIdSchema, token: z.string() });
export type SessionAnswer = z.infer<typeof sessionAnswerSchema>;
