// @ts-self-types="./get_available_port.d.ts"
export * from "deno-std/get-available-port";
