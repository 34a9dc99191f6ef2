/** Reads without any other effect: of a segment's field, of a part of a place. Quoted text is passed over. */
const READS = /"(?:[^"\\]|\\.)*"|\b(?:([a-z]\d+)\?\.value\(|R\.(?:texts|places|part)\(([a-z]\d*), )[\d, ]+\)/g;

/** Returns the text of a function that reads once what it reads several times of its parameters. What is absent is asked for again: that costs little. */
export function readOnce(body: string, parameters: ReadonlySet<string>): string {
  const counts = new Map<string, number>();
  const isRead = (from: string | undefined): boolean => from !== undefined && parameters.has(from);
  for (const [found, s, t] of body.matchAll(READS)) if (isRead(s ?? t)) counts.set(found, (counts.get(found) ?? 0) + 1);
  const names = new Map<string, string>();
  for (const [read, count] of counts) if (count > 1) names.set(read, `c${names.size + 1}`);
  if (names.size === 0) return body;
  const text = body.replace(READS, (found) => {
    const held = names.get(found);
    return held === undefined ? found : `(${held} ??= ${found})`;
  });
  return `let ${[...names.values()].join(', ')};\n${text}`;
}
