/** A message's text in pieces, each with its place and the standard's name for it: what the console shows, explains and links. */
import { componentsOf, fieldOf } from '../../hl7v2/definitions.ts';
import type { Message, Segment } from '../../hl7v2/message.ts';
import { isFieldPlain, masked } from './mask.ts';

export interface TextPiece {
  /** As it was sent, escapes kept; masked where it may not be shown. */
  readonly text: string;
  /** 'PID-3[2].4'; undefined for separators and segment names. */
  readonly path?: string;
}

export interface SegmentText {
  /** 'OBX[2]'. */
  readonly label: string;
  readonly pieces: readonly TextPiece[];
}

export interface FieldName {
  /** The standard's words: 'Patient Name'; '' where the standard has none. */
  readonly name: string;
  readonly type: string;
  readonly components: readonly string[];
}

export interface MessageText {
  readonly segments: readonly SegmentText[];
  /** How many the message has; more than `segments` where it is huge. */
  readonly segmentCount: number;
  /** By field: 'PID-3'. */
  readonly names: Readonly<Record<string, FieldName>>;
  readonly version: string;
}

const MOST_SEGMENTS = 300;

/** Returns the message in pieces. `isWhole`: nothing is masked. */
export function messageText(message: Message, isWhole: boolean): MessageText {
  const names: Record<string, FieldName> = {};
  const segments = message.segments.slice(0, MOST_SEGMENTS).map((segment) => segmentText(message, segment, isWhole, names));
  return { segments, segmentCount: message.segments.length, names, version: message.definitionsVersion };
}

function segmentText(message: Message, segment: Segment, isWhole: boolean, names: Record<string, FieldName>): SegmentText {
  const { name, occurrence } = segment;
  const label = occurrence === 1 ? name : `${name}[${occurrence}]`;
  const pieces: TextPiece[] = [{ text: name }];
  const isHeader = /^(MSH|FHS|BHS)$/.test(name);
  const valueType = name === 'OBX' ? segment.value(2) : undefined;
  for (let n = 1; n <= segment.fieldCount; n++) {
    const raw = segment.raw(n) ?? '';
    const definition = fieldOf(message.definitionsVersion, name, n);
    // MSH-1 is the separator itself: it is written once.
    if (!(isHeader && n === 2)) pieces.push({ text: isHeader && n === 1 ? '' : message.delimiters.field });
    if (raw === '') continue;
    const type = name === 'OBX' && n === 5 ? (valueType ?? '') : (definition?.type ?? '');
    names[`${name}-${n}`] ??= {
      name: definition?.name ?? '',
      type,
      components: componentsOf(message.definitionsVersion, type).map((each) => each.name),
    };
    const isPlain = isWhole || isFieldPlain(name, n, definition, valueType);
    if (isHeader && n <= 2) pieces.push({ text: raw, path: `${label}-${n}` });
    else pieces.push(...fieldPieces(`${label}-${n}`, raw, message, type !== '' && names[`${name}-${n}`]?.components.length === 0, isPlain));
  }
  return { label, pieces };
}

/** `isPrimitive`: separators of components within it are text. */
function fieldPieces(path: string, raw: string, { delimiters }: Message, isPrimitive: boolean, isPlain: boolean): readonly TextPiece[] {
  const shown = (text: string): string => (isPlain ? text : masked(text));
  const repetitions = delimiters.repetition === '' ? [raw] : raw.split(delimiters.repetition);
  return repetitions.flatMap((repetition, r) => {
    const own = r === 0 ? path : `${path}[${r + 1}]`;
    const between: readonly TextPiece[] = r === 0 ? [] : [{ text: delimiters.repetition }];
    const components = isPrimitive || delimiters.component === '' ? [repetition] : repetition.split(delimiters.component);
    if (components.length === 1) return [...between, { text: shown(repetition), path: own }];
    return [
      ...between,
      ...components.flatMap((text, c): readonly TextPiece[] => [
        ...(c === 0 ? [] : [{ text: delimiters.component }]),
        ...(text === '' ? [] : [{ text: shown(text), path: `${own}.${c + 1}` }]),
      ]),
    ];
  });
}
