// How the tests of types say what a type is: `expectType<Wanted>(value)` compiles only when they are the same type.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

export function expectType<Wanted>() {
  return <Given>(value: Given, ...isSame: Same<Wanted, Given> extends true ? [] : ['the type is another one', Given]): void => {
    void [value, isSame];
  };
}
