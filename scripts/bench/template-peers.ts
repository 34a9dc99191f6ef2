/**
 * The same laboratory reports mapped by template engines, as their users write such maps: JSONata over a message that was split into JSON, and a
 * Liquid template of the resources. Both get ids and times from functions in JavaScript, and know nothing but these messages.
 */
import jsonata from 'jsonata';
import { Liquid } from 'liquidjs';
import { idOf } from '../../services/mapping/to-fhir/ids.ts';
import { JSONATA } from './template-jsonata.ts';
import { LIQUID } from './template-liquid.ts';

const AUTHORITY = 'CITYHOSP';

/** 20260301081500+0000 -> 2026-03-01T08:15:00+00:00 */
const instant = (text: unknown): string =>
  String(text).replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)([+-]\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6$7:$8');
const day = (text: unknown): string => String(text).replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3');

type Field = readonly string[];

/** Segments by name, their fields in components: what both engines are given. */
function splitMessage(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const segments = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\r');
  const split = segments.map((line): readonly Field[] => line.split('|').map((field) => field.split('^')));
  const named = (name: string): readonly (readonly Field[])[] => split.filter((each) => each[0]?.[0] === name);
  const [msh] = named('MSH');
  return { msh, pid: named('PID')[0], pv1: named('PV1')[0], obr: named('OBR')[0], obx: named('OBX') };
}

const expression = jsonata(JSONATA);
expression.registerFunction('id', (type: string, parts: readonly string[]) => idOf(AUTHORITY, type, parts));
expression.registerFunction('instant', instant);
expression.registerFunction('day', day);

/** Returns the resources' JSON text. */
export const byJsonata = async (bytes: Uint8Array): Promise<string> => JSON.stringify(await expression.evaluate(splitMessage(bytes)));

const liquid = new Liquid();
liquid.registerFilter('id', (type: string, ...parts: readonly string[]) => idOf(AUTHORITY, type, parts));
liquid.registerFilter('instant', instant);
liquid.registerFilter('day', day);
const template = liquid.parse(LIQUID);

/** Returns the resources' JSON text. */
export const byLiquid = (bytes: Uint8Array): string => String(liquid.renderSync(template, splitMessage(bytes)));
