/** The part of the library that is used; it ships no types. */
declare module '@lhncbc/ucum-lhc' {
  export interface UcumUnit {
    readonly name_: string | number;
    readonly csCode_: string;
    readonly printSymbol_: string | number | null;
    readonly magnitude_: number;
    readonly dim_: { readonly dimVec_: readonly number[] | null; toString(): string } | null;
    readonly isSpecial_: boolean;
    readonly isArbitrary_: boolean;
  }
  export class UcumLhcUtils {
    static getInstance(): UcumLhcUtils;
    getSpecifiedUnit(
      code: string,
      mode: 'validate' | 'suggest',
    ): { readonly unit: UcumUnit | null; readonly retMsg: readonly string[]; readonly origString: string };
  }
  export class UnitTables {
    static getInstance(): UnitTables;
    allUnitsByDef(): readonly UcumUnit[];
  }
}
