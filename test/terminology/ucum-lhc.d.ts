/** The part of the library that the tests use; it ships no types. */
declare module '@lhncbc/ucum-lhc' {
  export interface UcumUnit {
    readonly magnitude_: number;
    readonly dim_: { toString(): string } | null;
  }
  export class UcumLhcUtils {
    static getInstance(): UcumLhcUtils;
    getSpecifiedUnit(code: string, mode: 'validate' | 'suggest'): { readonly unit: UcumUnit | null; readonly retMsg: readonly string[] };
  }
}
