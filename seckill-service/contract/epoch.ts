import { z } from 'zod';

/**
 * The highest epoch of a sale, and the highest version of the edges' settings: no system that works comes near. What is
 * above is not read at all, so that a single wrong number cannot shut the way for good. At the highest a change
 * keeps the number, and an equal one counts as new. The twins: `HIGHEST_EPOCH` of the stock scripts and of
 * nginx-lua/lua/seckill/state.lua and settings.lua; a test compares them.
 */
export const highestEpoch = 1_000_000_000_000;

export const epochSchema = z.int().nonnegative().max(highestEpoch);

/** The number after the highest of those. */
export const nextEpoch = (...known: readonly number[]): number => Math.min(Math.max(...known) + 1, highestEpoch);
