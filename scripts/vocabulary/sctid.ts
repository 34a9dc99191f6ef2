const D = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
].map(digits);
const P = ['0123456789', '1576283094', '5803796142', '8916043527', '9453126870', '4286573901', '2793806415', '7046913258'].map(digits);
const INVERSE = digits('0432156789');

function digits(text: string): readonly number[] {
  return [...text].map(Number);
}

/** Returns an SCTID: item number, partition (00 concept, 01 description, 02 relationship) and Verhoeff's check digit. */
export function sctid(item: number, partition: string): string {
  const body = `${item}${partition}`;
  let check = 0;
  for (let i = 1; i <= body.length; i++) check = D[check]?.[P[i % 8]?.[body.charCodeAt(body.length - i) - 48] ?? 0] ?? 0;
  return `${body}${INVERSE[check]}`;
}
