import { onOneLine } from '../../text/printable.ts';
import { type CliRun, usualColumns } from '../kit/run.ts';

/**
 * The whole terminal, for a view that is drawn again and again: on the alternate screen, so that what stood there before
 * stands there again afterwards. Sequences: xterm's "ctlseqs"; `?2026`, synchronized output, is passed over by terminals
 * that do not know it.
 */
export type Screen = {
  /** Draws the lines, cut to the size of the terminal, in one write: nothing flickers. */
  draw: (lines: readonly string[]) => void;
  size: () => { columns: number; rows: number };
  /** Gives the terminal back. May be called again. */
  close: () => void;
};

const enter = '\x1b[?1049h\x1b[?25l\x1b[?7l'; // alternate screen, no cursor, no wrapping
const leave = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const begin = '\x1b[?2026h\x1b[H';
const restOfLine = '\x1b[K';
const restOfScreen = '\x1b[J';
const end = '\x1b[?2026l';

/** `onQuit`: q, Escape or Ctrl-C was pressed. `onResize`: draw again, please. */
export function openScreen(
  { stdin: open, terminal: { stdout }, onExit }: Pick<CliRun, 'stdin' | 'terminal' | 'onExit'>,
  { onQuit, onResize }: { onQuit: () => void; onResize: () => void },
): Screen {
  const stdin = open();
  let isOpen = true;
  const size = () => ({ columns: stdout.columns || usualColumns, rows: stdout.rows || 24 });
  const onKey = (key: Buffer) => {
    // An arrow or another key begins with Escape too, and is longer.
    if (['q', 'Q', '\x03', '\x1b'].includes(key.toString())) onQuit();
  };
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    stopListening();
    stdout.off('resize', onResize);
    stdin.off('data', onKey);
    if (stdin.isTTY) stdin.setRawMode?.(false);
    stdin.pause();
    stdin.unref?.();
    stdout.write(leave);
  };
  const stopListening = onExit(close); // at every end of this process the terminal is given back
  stdout.write(enter);
  stdout.on('resize', onResize);
  if (stdin.isTTY) {
    stdin.setRawMode?.(true);
    stdin.on('data', onKey);
    stdin.resume();
  }
  return {
    size,
    close,
    draw: (lines) => {
      if (!isOpen) return;
      const shown = lines.slice(0, size().rows).map((line) => onOneLine(line) + restOfLine);
      stdout.write(`${begin}${shown.join('\r\n')}${restOfScreen}${end}`);
    },
  };
}
