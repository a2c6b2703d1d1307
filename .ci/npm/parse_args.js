// @ts-self-types="./parse_args.d.ts"
export * from "deno-std/parse-args";
