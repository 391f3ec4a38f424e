import { quoted } from '../../text/shell-quote.ts';
import type { Place } from './tree.ts';

/** Completion for fish, with the description of each word. */
export function fishCompletion(places: readonly Place[], salesCommand: readonly string[]): string {
  const names = [...new Set(places.flatMap(({ children }) => children.map(({ name }) => name)))];
  const lines = places.flatMap(({ words, children, options, argument }) => {
    const when = `-n ${quoted(`__seckill_at ${words.join(' ')}`.trimEnd())}`;
    return [
      ...children.map(({ name, description }) => `complete -c seckill ${when} -a ${name} -d ${quoted(description)}`),
      ...options.flatMap(({ name, description, takes }) =>
        name.startsWith('--')
          ? [
              `complete -c seckill ${when} -l ${name.slice(2)}${takes === null ? '' : takes === 'other' ? ' -x' : ' -rF'} -d ${quoted(description)}`,
            ]
          : [],
      ),
      ...(argument === 'sale' ? [`complete -c seckill ${when} -a '(__seckill_sales)'`] : []),
      ...(argument === 'file' ? [`complete -c seckill ${when} -F`] : []),
    ];
  });
  return `# seckill: completion for fish. Load it by: npx seckill completion fish | source
function __seckill_sales
    ${salesCommand.map(quoted).join(' ')} 2> /dev/null
end
# Whether the words of commands so far are exactly these.
function __seckill_at
    set -l at
    for word in (commandline -opc)[2..-1]
        contains -- $word ${names.join(' ')}; and set -a at $word
    end
    test "$at" = "$argv"
end
complete -c seckill -f
${lines.join('\n')}
`;
}
