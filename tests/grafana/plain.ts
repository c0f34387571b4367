// Grafana's published types as JSON holds them: enums are their values, and what is not data is left out.
export type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number
      ? `${number}` extends `${T}` // `number extends T` holds for every numeric enum
        ? number
        : `${T}` extends `${infer N extends number}`
          ? N
          : never
      : T extends Array<infer Item>
        ? Array<Plain<Item>>
        : T extends (...arguments_: never[]) => unknown
          ? never
          : T extends object
            ? { [Key in keyof T as T[Key] extends (...arguments_: never[]) => unknown ? never : Key]: Plain<T[Key]> }
            : T;
