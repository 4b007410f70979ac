// What piscina runs in its threads: the function of the route, as a default export.
export { price as default } from './work.ts'
