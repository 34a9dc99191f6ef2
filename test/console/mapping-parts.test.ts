import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixOf } from '../../services/console/editor/language.ts';
import { mergedText, mergePieces } from '../../services/console/mappings/merge.ts';

const text = fc.array(fc.constantFrom('a', 'b', 'c', '', '  d: =PID-5'), { maxLength: 12 }).map((lines) => lines.join('\n'));

describe('merging three texts', () => {
  it('takes what only one side changed, and the other way round', () => {
    fc.assert(
      fc.property(text, text, (base, changed) => {
        expect(mergedText(mergePieces(base, changed, base), [])).toBe(changed);
        expect(mergedText(mergePieces(base, base, changed), [])).toBe(changed);
        expect(mergedText(mergePieces(base, changed, changed), [])).toBe(changed);
      }),
    );
  });

  it('loses no line of either side when both are kept, and waits for every choice', () => {
    fc.assert(
      fc.property(text, text, text, (base, theirs, yours) => {
        const pieces = mergePieces(base, theirs, yours);
        const conflicts = pieces.filter(({ conflict }) => conflict !== undefined);
        if (conflicts.length > 0) expect(mergedText(pieces, [])).toBeUndefined();
        const all = (choice: 'yours' | 'theirs' | 'both') =>
          mergedText(
            pieces,
            conflicts.map(() => choice),
          ) ?? '';
        const kept = new Set(all('both').split('\n'));
        const old = new Set(base.split('\n'));
        for (const line of [...theirs.split('\n'), ...yours.split('\n')]) if (!old.has(line)) expect(kept).toContain(line);
      }),
    );
  });

  it('is exact where both changed the same line', () => {
    const pieces = mergePieces('a\nb\nc', 'a\nT\nc', 'a\nY\nc');
    expect(mergedText(pieces, ['yours'])).toBe('a\nY\nc');
    expect(mergedText(pieces, ['theirs'])).toBe('a\nT\nc');
    expect(mergedText(pieces, ['both'])).toBe('a\nT\nY\nc');
  });
});

describe('the cure of a fault as a change of its line', () => {
  it('replaces the name that is wrong, and only it', () => {
    const fault = { text: 'Patient has no element "birthDat".', cure: 'Use an element of the type. Did you mean "birthDate"?' };
    expect(fixOf(fault, '  birthDat: =PID-7')).toEqual({ at: 2, from: 'birthDat', to: 'birthDate' });
    expect(fixOf(fault, '  birthDate: =PID-7')).toBeUndefined();
    expect(fixOf({ text: 'x', cure: 'Remove it.' }, 'x')).toBeUndefined();
  });

  it('takes names of any kind as text, not as patterns', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 12 }).filter((name) => !/["\n]/.test(name)),
        (name) => {
          const fix = fixOf({ text: `There is no "${name}".`, cure: 'Did you mean "right"?' }, `  (${name})`);
          expect(fix === undefined || fix.from === name || /^[A-Z][A-Z0-9]{2}/.test(fix.from)).toBe(true);
        },
      ),
    );
  });
});
