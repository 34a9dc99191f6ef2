export const searchParameterText = (_json: string): string => '';
