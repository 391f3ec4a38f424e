import { generate } from 'lean-qr';

/** An asset of its own, loaded by the order page when there is a code to draw (paint-qr.ts). */
declare global {
  var seckillQr: ((text: string) => SVGSVGElement) | undefined;
}

const svg = 'http://www.w3.org/2000/svg';
/** The empty border that readers need (ISO/IEC 18004), in squares. */
const quiet = 4;

/** As elements with attributes: the pages' policy lets no style of a script in. */
globalThis.seckillQr = (text) => {
  const code = generate(text);
  let path = '';
  for (let y = 0; y < code.size; y += 1) {
    for (let x = 0; x < code.size; x += 1) if (code.get(x, y)) path += `M${x} ${y}h1v1h-1z`;
  }
  const picture = document.createElementNS(svg, 'svg');
  const side = code.size + 2 * quiet;
  picture.setAttribute('viewBox', `${-quiet} ${-quiet} ${side} ${side}`);
  picture.setAttribute('shape-rendering', 'crispEdges');
  const squares = document.createElementNS(svg, 'path');
  squares.setAttribute('d', path);
  picture.append(squares);
  return picture;
};
