/** Places in a message as people write them: `OBX[2]-5[1].1.2` is the second OBX, field 5, first repetition, component 1, subcomponent 2. */
export interface Place {
  readonly segment: string;
  /** 1-based occurrence among the segments of this name. */
  readonly occurrence: number;
  readonly field: number;
  readonly repetition?: number;
  readonly component?: number;
  readonly subcomponent?: number;
}

const PLACE = /^([A-Z][A-Z0-9]{2})(?:\[(\d{1,5})\])?(?:-(\d{1,3})(?:\[(\d{1,5})\])?(?:\.(\d{1,3})(?:\.(\d{1,3}))?)?)?$/;

/** Returns the place that `path` names (field 0: the segment itself), undefined when it is no path. All numbers are 1-based. */
export function placeOf(path: string): Place | undefined {
  const parts = PLACE.exec(path);
  if (parts === null) return undefined;
  const [, segment = '', occurrence = '1', field = '0', repetition, component, subcomponent] = parts;
  const numbers = [occurrence, repetition, component, subcomponent].flatMap((each) => (each === undefined ? [] : [Number(each)]));
  if (numbers.some((each) => each < 1) || (parts[3] !== undefined && Number(field) < 1)) return undefined;
  return {
    segment,
    occurrence: Number(occurrence),
    field: Number(field),
    ...(repetition === undefined ? {} : { repetition: Number(repetition) }),
    ...(component === undefined ? {} : { component: Number(component) }),
    ...(subcomponent === undefined ? {} : { subcomponent: Number(subcomponent) }),
  };
}
