import { execFileSync } from 'node:child_process'

/** An addon with one function, `answer()`, over Node-API without its headers. */
const SOURCE = `
  typedef struct env *napi_env; typedef struct value *napi_value;
  typedef napi_value (*napi_callback)(napi_env, void *);
  int napi_create_int32(napi_env, int, napi_value *);
  int napi_create_function(napi_env, const char *, unsigned long, napi_callback, void *, napi_value *);
  int napi_set_named_property(napi_env, napi_value, const char *, napi_value);
  static napi_value answer(napi_env env, void *info) { napi_value v; napi_create_int32(env, 42, &v); return v; }
  napi_value napi_register_module_v1(napi_env env, napi_value exports) {
    napi_value f; napi_create_function(env, "answer", 6, answer, 0, &f);
    napi_set_named_property(env, exports, "answer", f); return exports;
  }`

/** Builds an addon whose `answer()` is 42, for this machine. */
export function buildAddon(path: string): void {
  execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', path], { input: SOURCE })
}
