import { afterAll } from 'vitest';
import { removeTemporaryDirectories } from '../temporary-directory.ts';

// A setup file: vitest runs it before each test file, so this hook is the last of the file's.
afterAll(removeTemporaryDirectories);
