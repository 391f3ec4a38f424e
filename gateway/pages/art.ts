import { createHash } from 'node:crypto';

/** [sky, floor, sun, box light, box dark, ribbon], picked by eye to sit well on a light and on a dark page. */
const palettes = [
  ['#f6d9c4', '#e9b99a', '#fff1df', '#e4572e', '#b83a1b', '#ffd9a0'],
  ['#cfe3e6', '#a5c8cd', '#f4fbfb', '#1f7a8c', '#13596a', '#ffd166'],
  ['#e3dcf2', '#c5b8e3', '#faf6ff', '#6a4fb3', '#4a3587', '#ffb4a2'],
  ['#d9e8d0', '#b5cfa6', '#f8fcf2', '#3c7d4f', '#285b38', '#ffe08a'],
  ['#f3dbe3', '#e0b3c2', '#fff5f8', '#b83a6b', '#8a254d', '#ffe3c2'],
  ['#dbe1ee', '#b4c0da', '#f7f9ff', '#2f4b8f', '#1f3468', '#ff9f7a'],
] as const;

/**
 * A product picture out of nothing but the sale's id: a wrapped box on a plinth. Every sale looks like itself, nothing
 * is fetched from anyone, and no word of the shop's gets into the file.
 */
export function productArt(saleId: string): string {
  const hash = createHash('sha256').update(saleId).digest();
  const [sky, floor, sun, light, dark, ribbon] = palettes[(hash[0] ?? 0) % palettes.length] ?? palettes[0];
  const sunX = 190 + ((hash[1] ?? 0) % 5) * 55;
  const sunRadius = 108 + ((hash[2] ?? 0) % 3) * 16;
  const height = 112 + ((hash[3] ?? 0) % 3) * 16;
  const top = 336 - height;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 440" width="640" height="440" role="img">
<defs>
<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${sky}"/><stop offset="1" stop-color="${sun}"/></linearGradient>
<linearGradient id="floor" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${floor}"/><stop offset="1" stop-color="${sky}"/></linearGradient>
<radialGradient id="shade"><stop stop-color="${dark}" stop-opacity=".38"/><stop offset="1" stop-color="${dark}" stop-opacity="0"/></radialGradient>
</defs>
<path fill="url(#sky)" d="M0 0h640v330H0z"/>
<circle cx="${sunX}" cy="190" r="${sunRadius}" fill="${sun}" opacity=".85"/>
<path fill="url(#floor)" d="M0 318q320-34 640 0v122H0z"/>
<ellipse cx="332" cy="404" rx="214" ry="22" fill="url(#shade)"/>
<path fill="${floor}" d="M166 346v44c0 17 69 30 154 30s154-13 154-30v-44z"/>
<path fill="${dark}" opacity=".14" d="M320 346v74c85 0 154-13 154-30v-44z"/>
<ellipse cx="320" cy="346" rx="154" ry="29" fill="${sun}"/>
<ellipse cx="330" cy="351" rx="118" ry="15" fill="url(#shade)"/>
<path fill="${light}" d="M222 ${top + 12}l98 26v${height}l-98-25z"/>
<path fill="${dark}" d="M418 ${top + 12}l-98 26v${height}l98-25z"/>
<path fill="${ribbon}" d="M258 ${top + 22}l26 7v${height}l-26-7z"/>
<path fill="${ribbon}" opacity=".72" d="M382 ${top + 22}l-26 7v${height}l26-7z"/>
<path fill="${light}" d="M210 ${top - 14}l110 29v30l-110-29z"/>
<path fill="${dark}" d="M430 ${top - 14}l-110 29v30l110-29z"/>
<path fill="${light}" d="M210 ${top - 14}l110-27 110 27-110 29z"/>
<path fill="#fff" opacity=".16" d="M210 ${top - 14}l110-27 110 27-110 29z"/>
<path fill="${ribbon}" d="M256 ${top - 2}v30l27 7v-30zM384 ${top - 2}v30l-27 7v-30z"/>
<path fill="${ribbon}" d="M256 ${top - 2}l27 7 101-32-27-6zM384 ${top - 2}l-27 7-101-32 27-6z"/>
<g fill="none" stroke="${ribbon}" stroke-width="13" stroke-linejoin="round">
<path d="M320 ${top - 16}c-26-44-74-52-76-26s42 30 76 26z"/><path d="M320 ${top - 16}c26-44 74-52 76-26s-42 30-76 26z"/>
</g>
<ellipse cx="320" cy="${top - 17}" rx="14" ry="11" fill="${ribbon}"/>
<path fill="#fff" opacity=".5" d="M146 96l5 15 15 5-15 5-5 15-5-15-15-5 15-5zM486 150l4 11 11 4-11 4-4 11-4-11-11-4 11-4zM452 62l3 8 8 3-8 3-3 8-3-8-8-3 8-3z"/>
</svg>
`;
}

/** The shop's mark, also the favicon: without one every browser asks for /favicon.ico. */
export const iconArt = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#d03a1a"/><path fill="#fff" d="M18.6 4 7.5 18h6.7l-1.5 10L24.5 13.4h-7z"/></svg>
`;
